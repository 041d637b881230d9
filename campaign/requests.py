"""A request as bytes, piece by piece, so that each piece can be spoilt."""

from dataclasses import dataclass, replace

Header = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Request:
    """`length`: the body is announced by Content-Length."""

    method: bytes
    target: bytes
    headers: tuple[Header, ...] = ()
    body: bytes = b""
    version: bytes = b"HTTP/1.1"
    length: bool = True

    def raw(self) -> bytes:
        lines = [b"%s: %s\r\n" % header for header in self.headers]
        if self.length and (self.body or self.method == b"POST"):
            lines.append(b"Content-Length: %d\r\n" % len(self.body))
        return b"%s %s %s\r\n%s\r\n%s" % (self.method, self.target, self.version, b"".join(lines), self.body)

    def having(self, *headers: Header) -> "Request":
        return replace(self, headers=(*self.headers, *headers))

    def without(self, name: bytes) -> "Request":
        return replace(self, headers=tuple(header for header in self.headers if header[0].lower() != name.lower()))
