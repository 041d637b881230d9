"""What is served beside events: health, readiness, metrics, the front page and the OpenAPI document."""

import pytest
from openapi_spec_validator import validate

from relay.receiving import openapi
from relay.receiving.probes import Readiness
from relay.receiving.receiver import OUTCOMES, make_app
from tests.support.events import body
from tests.support.front import Front, receiving

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


async def test_healthz_says_that_the_process_is_alive(front: Front) -> None:
    reply = await front.sender().exchange(b"GET /healthz HTTP/1.1\r\nHost: relay\r\n\r\n")

    assert (reply.status, reply.document) == (200, {"status": "ok"})


@pytest.mark.parametrize("ready", [True, False])
async def test_readyz_says_what_cannot(ready: bool) -> None:
    checks = {"redis": "ok", "slack": "ok" if ready else "invalid_auth"}

    async with receiving(readiness=Readiness(ready, checks)) as front:
        reply = await front.sender().exchange(b"GET /readyz HTTP/1.1\r\nHost: relay\r\n\r\n")

    assert reply.status == (200 if ready else 503)
    assert reply.document == {"ready": ready, "checks": checks}


async def test_metrics_are_shown_to_prometheus(front: Front) -> None:
    await front.sender().post(body())

    reply = await front.sender().exchange(b"GET /metrics HTTP/1.1\r\nHost: relay\r\n\r\n")

    assert reply.headers["content-type"].startswith("text/plain; version=")
    assert b'relay_events_total{outcome="accepted",source="ops"}' in reply.body


async def test_the_front_page_says_what_this_is_and_no_more(front: Front) -> None:
    reply = await front.sender().exchange(b"GET / HTTP/1.1\r\nHost: relay\r\n\r\n")

    assert reply.status == 200
    assert reply.body.startswith(b"This is relay, the webhook target for long-running operations")
    assert reply.headers["content-type"] == "text/plain; charset=utf-8"
    assert (reply.headers["x-content-type-options"], reply.headers["cache-control"]) == ("nosniff", "no-store")
    assert reply.headers["server"] == "relay"


async def test_the_openapi_document_is_valid_and_describes_what_is_served(front: Front) -> None:
    reply = await front.sender().exchange(b"GET /openapi.json HTTP/1.1\r\nHost: relay\r\n\r\n")

    validate(reply.document)
    served = {resource.canonical for resource in make_app(front.receiver).router.resources()}
    assert reply.document["paths"].keys() == served
    assert reply.document["openapi"].startswith("3.1")


def test_the_openapi_document_is_valid_with_every_address() -> None:
    everything = openapi.document(ADDRESSES, "https://relay.example.com")

    validate(everything)
    assert everything["paths"].keys() == ADDRESSES
    assert everything["servers"] == [{"url": "https://relay.example.com"}]


def test_the_openapi_document_knows_every_answer() -> None:
    answers = openapi.document(ADDRESSES)["paths"]["/webhooks/{source}"]["post"]["responses"]

    assert answers.keys() == {"200", "202", *(f"{status}" for status in OUTCOMES)}
