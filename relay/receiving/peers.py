"""Addresses of peers, and of the clients that trusted proxies name in `X-Forwarded-For`. Pure, and never fails."""

import ipaddress
from collections.abc import Iterable, Sequence

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

UNIX = "unix"  # a unix socket has no address
MAX_HOPS = 16
MAX_LENGTH = 64  # characters of an address with its port and brackets


def network(text: str) -> Network:
    """Read an address or a network. Raises ValueError."""
    try:
        read = ipaddress.ip_network(text)
    except ValueError as error:
        raise ValueError("expected an address or a network such as 10.0.0.0/8 or fd00::/8") from error
    if read.prefixlen == 0:
        raise ValueError("means everybody, so anyone could say who they are; name the proxies alone")
    return read


def address_of(text: object) -> str:
    """Return the address in its usual spelling, without port, brackets or zone; '' if it is none."""
    if not isinstance(text, str) or len(text) > MAX_LENGTH:
        return ""
    text = text.strip(' \t"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def peer_in(name: object) -> str:
    """Return the address in a socket's `peername`; UNIX where it has none."""
    return (address_of(name[0]) if isinstance(name, tuple) and name else "") or UNIX


class Proxies:
    """Networks of trusted proxies."""

    def __init__(self, networks: Iterable[Network] = ()) -> None:
        self._networks = tuple(networks)

    def __contains__(self, peer: str) -> bool:
        if not self._networks or peer == UNIX:
            return False
        address = ipaddress.ip_address(peer)
        return any(address in trusted for trusted in self._networks)

    def client(self, peer: str, forwarded: Sequence[str]) -> str:
        """Return the last address in `X-Forwarded-For` that no trusted proxy has; else the peer's own."""
        client, hops = peer, ",".join(forwarded[-MAX_HOPS:]).rsplit(",", MAX_HOPS)[-MAX_HOPS:]
        while client in self and hops:
            if not (hop := address_of(hops.pop())):
                break
            client = hop
        return client
