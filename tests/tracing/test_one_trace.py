"""One trace, seen whole by a collector: from the sender's traceparent through accept to each attempt."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from relay_sandbox.standins.slack import Fault
from tests.support.events import body
from tests.support.redis_server import RedisServer
from tests.support.running import RunningRelay
from tests.support.stage import CONFIG, Stage, post, running, surroundings
from tests.tracing.collector import Collector

pytest.importorskip("opentelemetry.sdk", reason="it comes with the extra otel")
pytestmark = pytest.mark.slow

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
HEADERS = [("traceparent", f"00-{TRACE}-{SPAN}-01")]


def failed(**more: str) -> dict[str, object]:
    return body("operation.failed", 40, status="Failed", **more) | {"tenantId": "room"}


@pytest.mark.parametrize("partitions", [1, 3])
async def test_accept_in_one_process_and_two_attempts_in_another_are_one_trace(
    redis_server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, partitions: int
) -> None:
    config = tmp_path / "relay.yaml"
    text = CONFIG.read_text("utf-8")
    config.write_text(f"{text}\nredis: {{partitions: {partitions}}}\n", "utf-8")
    async with Collector() as collector, surroundings(redis_server.url, partitions=partitions) as around:
        for name, value in collector.env.items():
            monkeypatch.setenv(name, value)
        traced = replace(around, env={**around.env, **collector.env})
        around.slack.script("chat.postMessage", Fault(status=503))

        async with running(traced, config, role="receive") as relay:
            reply = await Stage(around, relay).post(failed(), headers=HEADERS)
        async with running(traced, config, role="deliver"):
            await around.messages("#room", bool)
            spans = await collector.wait_for(lambda spans: len(spans) == 3)

    assert reply.status == 202
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


async def test_no_body_no_token_and_no_query_string_is_in_any_span(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Collector() as collector, surroundings(redis_server.url, **collector.env) as around:
        for name, value in collector.env.items():
            monkeypatch.setenv(name, value)
        async with running(around) as relay:
            stage = Stage(around, relay)
            await stage.post(failed(operationName="a secret merger"), headers=HEADERS)
            unsigned = await stage.post(failed(), signed=False, headers=HEADERS)
            await around.messages("#room", bool)
            spans = await collector.wait_for(lambda spans: len(spans) == 2)

    assert unsigned.status == 401  # and no span: what is not genuine makes none
    assert not [text for text in ("secret", "merger", "token", "?", "xoxb", "#room") if text in str(spans)]


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
