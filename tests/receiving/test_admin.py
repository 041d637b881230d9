"""The operators' listener: whom it answers, with a token and without."""

import pytest
from pydantic import SecretStr

from relay.receiving.guard import Guard
from relay.receiving.tls import Admin
from tests.support.front import receiving

TOKEN = "Yq3-the-one-that-Prometheus-has"
WITH_TOKEN = Admin(token=SecretStr(TOKEN))


@pytest.mark.parametrize(
    "authorization",
    [f"Bearer {TOKEN}", f"bearer  {TOKEN}"],
)
async def test_who_has_the_token_is_answered_by_whatever_name(authorization: str) -> None:
    async with receiving(admin=WITH_TOKEN) as front:
        reply = await front.operator("/metrics", f"Authorization: {authorization}", host="relay.example.com:8081")
        alive = await front.operator("/healthz", host="10.0.0.1:8081")  # whether it lives is no secret

    assert (reply.status, alive.status) == (200, 200)


@pytest.mark.parametrize(
    "headers",
    [
        (),
        ("Authorization: Bearer",),
        ("Authorization: Bearer ",),
        (f"Authorization: Basic {TOKEN}",),
        (f"Authorization: {TOKEN}",),
        (f"Authorization: Bearer {TOKEN[:-1]}",),
        (f"Authorization: Bearer {TOKEN}x",),
        ("Authorization: Bearer \u00e9\u20ac",),
        (f"Authorization: Bearer {TOKEN}", f"Authorization: Bearer {TOKEN}"),
    ],
)
@pytest.mark.parametrize("address", ["/metrics", "/readyz?verbose", "/openapi.json", "/nowhere"])
async def test_who_has_not_is_told_that_there_is_one(headers: tuple[str, ...], address: str) -> None:
    async with receiving(admin=WITH_TOKEN) as front:
        reply = await front.operator(address, *headers)

    assert reply.status == 401
    assert reply.headers["www-authenticate"] == 'Bearer realm="relay"'
    assert TOKEN.encode() not in reply.body


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.:8081", "127.0.0.1:8081", "127.1.2.3", "[::1]:8081"])
async def test_without_a_token_this_machine_is_answered(host: str) -> None:
    async with receiving() as front:
        assert (await front.operator("/readyz?verbose", host=host)).status == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example:8081", "localhost.evil.example", "evil@localhost", "", "[::]"],
)
async def test_a_page_that_points_a_name_of_its_own_here_learns_nothing(host: str) -> None:
    async with receiving() as front:
        replies = [await front.operator(address, host=host) for address in ("/metrics", "/readyz?verbose", "/healthz")]

    assert {reply.status for reply in replies} == {421}
    assert all("checks" not in reply.document for reply in replies)


async def test_senders_take_no_connection_from_operators() -> None:
    async with receiving(guard=Guard(max_connections=0, share=1, reserve=0)) as front:
        refused = await front.sender().exchange(b"GET /healthz HTTP/1.1\r\nHost: relay\r\n\r\n")
        reply = await front.operator("/readyz?verbose")

    assert (refused.status, reply.status) == (0, 200)
