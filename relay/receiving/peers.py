"""Addresses of peers, and of the clients that trusted proxies name in `X-Forwarded-For`. Pure, and never fails."""

import ipaddress
from collections.abc import Iterable, Sequence

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

UNIX = "unix"  # who comes over a unix socket has no address
MOST_HOPS = 16
LONGEST = 64  # characters of an address with its port and brackets
OWN = 64  # bits: whoever has an IPv6 address has all that begin like it


def network(text: str) -> Network:
    """Read an address or a network. Raises ValueError."""
    try:
        networks = ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise ValueError("expected an address or a network such as 10.0.0.0/8 or fd00::/8") from error
    if "/" in text and str(networks.network_address) != str(ipaddress.ip_address(text.partition("/")[0])):
        raise ValueError(f"has bits beyond its mask; write {networks}")
    if isinstance(networks, ipaddress.IPv6Network) and (mapped := networks.network_address.ipv4_mapped):
        raise ValueError(f"is IPv4 in the spelling of IPv6; write {mapped}/{max(0, networks.prefixlen - 96)}")
    if networks.prefixlen == 0:
        raise ValueError("means everybody, so anyone could say who they are; name the proxies alone")
    return networks


def address_of(text: object) -> str:
    """Return the address in its usual spelling, without port, brackets or zone; '' if it is none."""
    if not isinstance(text, str) or len(text) > LONGEST:
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


def owner_of(peer: str) -> str:
    """Return the IPv4 address, or the network of the IPv6 address: one stranger may have all of it."""
    return str(ipaddress.ip_network((peer, OWN), strict=False)) if ":" in peer else peer


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
        client, hops = peer, ",".join(forwarded[-MOST_HOPS:]).rsplit(",", MOST_HOPS)[-MOST_HOPS:]
        while client in self and hops:
            if not (hop := address_of(hops.pop())):
                break  # whoever wrote this is the last of whom anything is known
            client = hop
        return client
