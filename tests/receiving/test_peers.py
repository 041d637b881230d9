"""Who a request is from: the peer, or whom a trusted proxy names. Whatever is in the header, nothing fails."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.receiving.peers import UNIX, Proxies, address_of, network, peer_in

OURS = Proxies([network("10.0.0.0/8"), network("fd00::/8"), network("192.0.2.7")])
STRANGER = "203.0.113.9"

ADDRESSES = {
    "203.0.113.9": STRANGER, " 203.0.113.9\t": STRANGER, "203.0.113.9:4711": STRANGER, '"203.0.113.9"': STRANGER,
    "::ffff:203.0.113.9": STRANGER, "[::ffff:203.0.113.9]:443": STRANGER, "2001:DB8::0001": "2001:db8::1",
    "[2001:db8::1]": "2001:db8::1", '"[2001:db8::1]:4711"': "2001:db8::1", "fe80::1%eth0 evil=1": "fe80::1", "": "",
    "unknown": "", "0xCB.0.113.9": "", "٢٠٣.0.113.9": "", "203.0.113.9 level=info": "", "1" * 5_000: "",
}  # fmt: skip

FORWARDED = {
    "nobody is named": ("10.0.0.1", [], "10.0.0.1"),
    "a proxy names a stranger": ("10.0.0.1", [STRANGER], STRANGER),
    "a stranger names somebody": (STRANGER, ["198.51.100.1"], STRANGER),
    "a stranger told the proxy a story": ("10.0.0.1", [f"198.51.100.1, {STRANGER}"], STRANGER),
    "two proxies of ours": ("10.0.0.1", [f"198.51.100.1, {STRANGER}, fd00::2, 192.0.2.7"], STRANGER),
    "several lines are one": ("10.0.0.1", ["198.51.100.1", f"{STRANGER}", "10.9.9.9"], STRANGER),
    "all of them are ours": ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
    "junk after ours": ("10.0.0.1", ["198.51.100.1, <script>, 10.0.0.2"], "10.0.0.2"),
    "junk alone": ("10.0.0.1", ["\x00\udc80"], "10.0.0.1"),
    "gaps": ("10.0.0.1", [f"{STRANGER},, "], "10.0.0.1"),
    "more hops than anybody has": ("10.0.0.1", [f"{STRANGER}," + "10.0.0.2," * 500 + "10.0.0.3"], "10.0.0.2"),
    "a unix socket": (UNIX, [STRANGER], UNIX),
}


@pytest.mark.parametrize(("text", "address"), ADDRESSES.items(), ids=range(len(ADDRESSES)))
def test_an_address_has_one_spelling(text: str, address: str) -> None:
    assert address_of(text) == address


@pytest.mark.parametrize(("peer", "lines", "client"), FORWARDED.values(), ids=FORWARDED)
def test_the_client_is_the_last_address_that_is_not_trusted(peer: str, lines: list[str], client: str) -> None:
    assert OURS.client(peer, lines) == client


@given(st.sampled_from(["10.0.0.1", "fd00::1", STRANGER, UNIX]), st.lists(st.text(), max_size=4))
def test_nothing_in_the_header_fails_or_is_repeated_unless_it_is_an_address(peer: str, lines: list[str]) -> None:
    client = OURS.client(peer, lines)

    assert client == peer or address_of(client) == client
    assert len(client) <= 45


def test_a_peer_is_what_its_socket_says() -> None:
    assert peer_in(("fe80::1%eth0", 4711, 0, 2)) == "fe80::1"
    assert {peer_in(name) for name in ("", b"\x00abstract", None, ())} == {UNIX}
