"""One trace, seen whole by a collector: from the sender's traceparent through accept to each attempt."""

import asyncio
import gzip
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Self

import pytest
from aiohttp import web

from relay_sandbox.standins.slack import Fault
from tests.support.events import body
from tests.support.patience import patience
from tests.support.redis_server import RedisServer
from tests.support.running import RunningRelay
from tests.support.stage import CONFIG, Stage, post, running, surroundings

pytest.importorskip("opentelemetry.sdk", reason="it comes with the extra otel")
pytestmark = pytest.mark.slow

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
HEADERS = [("traceparent", f"00-{TRACE}-{SPAN}-01")]


class Collector:
    """Takes what an exporter sends by OTLP over HTTP; `spans` are those of protobuf, attributes as a dictionary."""

    def __init__(self) -> None:
        self.spans: list[dict[str, Any]] = []
        self._grown = asyncio.Condition()

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.add_routes([web.post("/v1/traces", self._take)])
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @property
    def env(self) -> dict[str, str]:
        """Return what leads a relay here; it sends at once."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": self.url, "OTEL_BSP_SCHEDULE_DELAY": "10"}

    async def wait_for(self, holds: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
        """The spans, once this holds of them."""
        async with asyncio.timeout(patience()), self._grown:
            await self._grown.wait_for(lambda: holds(self.spans))
        return self.spans

    async def _take(self, request: web.Request) -> web.Response:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        body = await request.read()
        if request.headers.get("Content-Encoding") == "gzip" and body[:2] == b"\x1f\x8b":
            body = gzip.decompress(body)
        export = ExportTraceServiceRequest.FromString(body)
        async with self._grown:
            self.spans += [_shown(span, group.resource) for group in export.resource_spans
                           for scope in group.scope_spans for span in scope.spans]  # fmt: skip
            self._grown.notify_all()
        return web.Response(content_type="application/x-protobuf")


def _shown(span: Any, resource: Any) -> dict[str, Any]:
    return {
        "name": span.name,
        "trace": span.trace_id.hex(),
        "id": span.span_id.hex(),
        "parent": span.parent_span_id.hex(),
        "seconds": (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
        "failed": span.status.code == 2,
        "service": _values(resource.attributes).get("service.name"),
        **_values(span.attributes),
    }


def _values(attributes: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in attributes}


def failed(**more: str) -> dict[str, object]:
    return body("operation.failed", 40, status="Failed", **more) | {"tenantId": "room"}


async def test_accept_in_one_process_and_two_attempts_in_another_are_one_trace_without_a_secret(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Collector() as collector, surroundings(redis_server.url) as around:
        for name, value in collector.env.items():
            monkeypatch.setenv(name, value)
        traced = replace(around, env={**around.env, **collector.env})
        around.slack.script("chat.postMessage", Fault(status=503))

        async with running(traced, role="receive") as relay:
            stage = Stage(around, relay)
            reply = await stage.post(failed(operationName="a secret merger"), headers=HEADERS)
            unsigned = await stage.post(failed(), signed=False, headers=HEADERS)
        async with running(traced, role="deliver"):
            await around.messages("#room", bool)
            spans = await collector.wait_for(lambda spans: len(spans) == 3)

    assert (reply.status, unsigned.status) == (202, 401)  # what is not genuine makes no span
    assert not [text for text in ("secret", "merger", "token", "?", "xoxb", "#room") if text in str(spans)]
    accept, first, second = spans
    assert {span["trace"] for span in spans} == {TRACE}
    assert (accept["name"], accept["parent"], accept["relay.outcome"]) == ("relay.accept", SPAN, "accepted")
    assert (accept["relay.source"], accept["relay.event"]) == ("async-operations", "operation.failed")
    assert [span["name"] for span in (first, second)] == ["relay.attempt"] * 2
    assert {span["parent"] for span in (first, second)} == {accept["id"]}
    assert [(span["relay.attempt"], span["relay.outcome"]) for span in (first, second)] == [
        (1, "unknown"),
        (1, "delivered"),  # the first was its channel's failure, and cost no try
    ]
    assert (first["error.type"], first["failed"], second["failed"]) == ("SlackError", True, False)
    assert {(span["relay.channel"], span["relay.destination"]) for span in (first, second)} == {("slack", "room")}
    assert {span["service"] for span in spans} == {"relay"}


async def test_a_collector_that_is_away_costs_one_line_and_no_event(redis_server: RedisServer) -> None:
    """It refuses connections; relay takes events, tells them, and stops in time."""
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_BSP_SCHEDULE_DELAY": "10"}
    async with surroundings(redis_server.url, **env) as around, RunningRelay(CONFIG, around.env) as relay:
        for number in range(3):
            assert (await post(relay.url, failed(operationId=f"op-{number}"), headers=HEADERS)).status == 202
        await relay.wait_for_line("tracing.failed")
        await around.settled()
        began = time.monotonic()
        status = await relay.stop()
        took = time.monotonic() - began

    assert status == 0
    assert took < 8.0
    assert len([line for line in relay.lines if line.get("event") == "tracing.failed"]) == 1
