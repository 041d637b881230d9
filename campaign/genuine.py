"""A genuine request, with all that made it so."""

from dataclasses import dataclass

from campaign.public_keys import bearer
from campaign.requests import Request
from relay.receiving.schemes import SCHEMES
from relay.receiving.signatures import sign


@dataclass(frozen=True)
class Genuine:
    """A request as its sender made it. `header`: where the source wants the signature, if it says so."""

    request: Request
    scheme: str
    secret: bytes
    header: str
    other: Request | None = None  # genuine as well, about something else, at the same address
    others: tuple[bytes, ...] = ()  # secrets of other sources

    @property
    def name(self) -> bytes:
        return (self.header or SCHEMES[self.scheme].header).encode()

    @property
    def proof(self) -> bytes:
        """Return the header of the signature."""
        return next(value for name, value in self.request.headers if name.lower() == self.name.lower())

    @property
    def covers_body(self) -> bool:
        return self.scheme not in ("token", "basic", "oidc")

    def with_proof(self, *proofs: bytes) -> Request:
        return self.request.without(self.name).having(*((self.name, proof) for proof in proofs))

    def signed_by(self, secret: bytes, *, age: float = 0.0, message_id: str = "forged") -> Request:
        """Sign with this secret, as the scheme does."""
        stamp = self.timestamp() - age
        if self.scheme == "oidc":
            made = bearer(forged=True)
        else:
            made = sign(self.scheme, self.request.body, secret, header=self.header or None, message_id=message_id,
                        timestamp=stamp)  # fmt: skip
        request = self.request
        for name in made:
            request = request.without(name.encode())
        return request.having(*((name.encode(), value.encode("latin-1")) for name, value in made.items()))

    def timestamp(self) -> float:
        for name, value in self.request.headers:
            if name.lower() in (b"webhook-timestamp", b"x-slack-request-timestamp"):
                return float(value)
            if name.lower() == b"stripe-signature":
                return float(value.partition(b"t=")[2].partition(b",")[0])
        return 0.0
