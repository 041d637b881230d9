"""What is served beside events: probes, metrics, the OpenAPI document, and whom the operators' listener answers."""

import asyncio
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request
from pydantic import SecretStr

from relay.receiving import openapi
from relay.receiving.addresses import Addresses
from relay.receiving.guard import Guard
from relay.receiving.operators import Admin
from relay.receiving.probes import Probes, Readiness, Remembered
from relay.receiving.receiver import OUTCOMES
from tests.support.clock import Clock
from tests.support.events import body
from tests.support.front import Front, receiving
from tests.support.schemas import faults_by

ADDRESSES = {
    "/", "/webhooks/{source}", "/healthz", "/readyz", "/metrics", "/openapi.json", "/unsubscribe/{token}", "/console",
    "/slack/interactions",
}  # fmt: skip


@pytest.mark.parametrize("ready", [True, False])
async def test_readyz_says_yes_or_no_to_the_world_and_what_cannot_to_operators(ready: bool) -> None:
    checks = {"redis": "ok", "slack": "ok" if ready else "invalid_auth"}

    memory = {"limit": 536_870_912, "operations": 61_770}
    async with receiving(readiness=Readiness(ready, checks, memory)) as front:
        public = await front.sender().exchange(b"GET /readyz?verbose HTTP/1.1\r\nHost: relay\r\n\r\n")
        bare, verbose = [await front.operator(address) for address in ("/readyz", "/readyz?verbose")]

    assert {reply.status for reply in (public, bare, verbose)} == {200 if ready else 503}
    assert {reply.headers["server"] for reply in (public, bare, verbose)} == {"relay"}
    assert public.document == bare.document == {"ready": ready}
    assert verbose.document == {"ready": ready, "checks": checks, "memory": memory}


async def test_readyz_says_no_when_relay_stops_while_it_is_worked_out() -> None:
    async def readiness() -> Readiness:
        probes.stopping = True
        return Readiness(ready=True, checks={})

    probes = Probes(readiness, "")

    assert (await probes.readyz(make_mocked_request("GET", "/readyz"))).status == 503


@pytest.mark.parametrize("address", ["/metrics", "/openapi.json", "/console", "/readyz/", "/metrics?x", "//metrics"])
async def test_to_the_world_what_is_for_operators_is_as_unknown_as_anything_else(front: Front, address: str) -> None:
    nowhere, reply = [
        await front.sender().exchange(f"GET {path} HTTP/1.1\r\nHost: relay\r\n\r\n".encode())
        for path in ("/nowhere", address)
    ]

    assert (reply.status, reply.body) == (nowhere.status, nowhere.body)
    assert reply.status == 404
    assert {**reply.headers, "date": ""} == {**nowhere.headers, "date": ""}
    assert reply.headers["server"] == "relay"


async def test_the_openapi_document_describes_what_is_served(front: Front) -> None:
    reply = await front.operator("/openapi.json")

    public = Addresses(front.receiver.routes()).paths
    assert reply.document["paths"].keys() == public | {"/metrics", "/openapi.json"}
    assert reply.document["openapi"].startswith("3.1")
    assert {address for address, path in reply.document["paths"].items() if "servers" in path} == {
        "/metrics", "/openapi.json"}  # fmt: skip


async def test_the_openapi_document_knows_what_senders_send_and_are_answered(front: Front) -> None:
    described = openapi.document(ADDRESSES)
    post = described["paths"]["/webhooks/{source}"]["post"]

    def schema(content: dict[str, Any]) -> dict[str, Any]:
        [media] = content.values()
        return {**media["schema"], "components": described["components"]}

    accepted, refused = await front.sender().post(body()), await front.sender().post({"operation": {"a": 1}})

    assert post["responses"].keys() == {"200", "202", *(f"{status}" for status in OUTCOMES)}
    assert faults_by(schema(post["requestBody"]["content"]), body()) == []
    assert faults_by(schema(post["requestBody"]["content"]), {"operation": {"a": 1}}) != []
    for reply in (accepted, refused):
        [media] = post["responses"][f"{reply.status}"]["content"]
        assert reply.headers["content-type"].partition(";")[0] == media
        assert faults_by(schema(post["responses"][f"{reply.status}"]["content"]), reply.document) == []


TOKEN = "Yq3-the-one-that-Prometheus-has"
WITH_TOKEN = Admin(token=SecretStr(TOKEN))


@pytest.mark.parametrize("authorization", [
    f"Bearer {TOKEN}", f"bearer  {TOKEN}",
])  # fmt: skip
async def test_who_has_the_token_is_answered_by_whatever_name(authorization: str) -> None:
    async with receiving(admin=WITH_TOKEN) as front:
        reply = await front.operator("/metrics", f"Authorization: {authorization}", host="relay.example.com:8081")
        alive = await front.operator("/healthz", host="10.0.0.1:8081")  # whether it lives is no secret

    assert (reply.status, alive.status) == (200, 200)


@pytest.mark.parametrize("headers", [
    (),
    ("Authorization: Bearer",),
    ("Authorization: Bearer ",),
    (f"Authorization: Basic {TOKEN}",),
    (f"Authorization: {TOKEN}",),
    (f"Authorization: Bearer {TOKEN[:-1]}",),
    (f"Authorization: Bearer {TOKEN}x",),
    ("Authorization: Bearer \u00e9\u20ac",),
    (f"Authorization: Bearer {TOKEN}", f"Authorization: Bearer {TOKEN}"),
])  # fmt: skip
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


@pytest.mark.parametrize("host", [
    "evil.example", "127.0.0.1.evil.example:8081", "localhost.evil.example", "evil@localhost", "", "[::]",
])  # fmt: skip
async def test_a_page_that_points_a_name_of_its_own_here_learns_nothing(host: str) -> None:
    async with receiving() as front:
        replies = [await front.operator(address, host=host) for address in ("/metrics", "/readyz?verbose", "/healthz")]

    assert {reply.status for reply in replies} == {421}
    assert all("checks" not in reply.document for reply in replies)


async def test_senders_take_no_connection_from_operators() -> None:
    async with receiving(guard=Guard(max_connections=0)) as front:
        refused = await front.sender().exchange(b"GET /healthz HTTP/1.1\r\nHost: relay\r\n\r\n")
        reply = await front.operator("/readyz?verbose")

    assert (refused.status, reply.status) == (0, 200)


async def test_many_who_ask_at_once_and_soon_after_get_one_answer() -> None:
    asked, clock = [0], Clock()

    async def ask() -> int:
        asked[0] += 1
        await asyncio.sleep(0)
        return asked[0]

    remembered = Remembered(ask, period=1.0, clock=clock)

    assert await asyncio.gather(*(remembered() for _ in range(20))) == [1] * 20
    clock.advance(0.9)
    assert await remembered() == 1
    clock.advance(0.1)
    assert await remembered() == 2


async def test_an_error_and_whoever_hangs_up_are_not_remembered() -> None:
    answers = iter([ValueError("the first"), "fine"])
    go_on = asyncio.Event()

    async def ask() -> str:
        await go_on.wait()
        if isinstance(answer := next(answers), Exception):
            raise answer
        return answer

    remembered = Remembered(ask, clock=Clock())
    gone = asyncio.create_task(remembered())
    await asyncio.sleep(0)
    gone.cancel()
    go_on.set()

    with pytest.raises(ValueError, match="the first"):
        await remembered()
    assert await remembered() == "fine"
