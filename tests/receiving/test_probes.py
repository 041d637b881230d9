"""What is served beside events: health, readiness, metrics, the front page and the OpenAPI document."""

from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request

from relay.receiving import openapi
from relay.receiving.addresses import Addresses
from relay.receiving.probes import Probes, Readiness
from relay.receiving.receiver import OUTCOMES
from tests.support.events import body
from tests.support.front import Front, receiving
from tests.support.schemas import check_openapi, faults_by

ADDRESSES = {
    "/",
    "/webhooks/{source}",
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/unsubscribe/{token}",
    "/console",
    "/slack/interactions",
}


@pytest.mark.parametrize("ready", [True, False])
async def test_readyz_says_yes_or_no_to_the_world_and_what_cannot_to_operators(ready: bool) -> None:
    checks = {"redis": "ok", "slack": "ok" if ready else "invalid_auth"}

    async with receiving(readiness=Readiness(ready, checks)) as front:
        public = await front.sender().exchange(b"GET /readyz?verbose HTTP/1.1\r\nHost: relay\r\n\r\n")
        bare, verbose = [await front.operator(address) for address in ("/readyz", "/readyz?verbose")]

    assert {reply.status for reply in (public, bare, verbose)} == {200 if ready else 503}
    assert {reply.headers["server"] for reply in (public, bare, verbose)} == {"relay"}
    assert public.document == bare.document == {"ready": ready}
    assert verbose.document == {"ready": ready, "checks": checks}


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


async def test_the_openapi_document_is_valid_and_describes_what_is_served(front: Front) -> None:
    reply = await front.operator("/openapi.json")

    check_openapi(reply.document)
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
