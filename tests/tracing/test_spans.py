"""Spans as an exporter gets them, and what the environment must say for that."""

import logging
from collections.abc import Sequence
from typing import Any

import pytest
from structlog.testing import capture_logs

from relay.tracing import open_tracing

pytest.importorskip("opentelemetry.sdk", reason="it comes with the extra otel")
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from relay.tracing.spans import Spans, _Rationed

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01".encode()
MALFORMED = {
    "none": (),
    "two": (PARENT, PARENT),
    "no hex": (PARENT.replace(b"0af7", b"0xyz"),),
    "all zero": (b"00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-01",),
    "not of this version": (b"ff" + PARENT[2:],),
    "no text": (b"\xff\x00" * 20,),
}


class Recorded:
    """Spans that go to memory; `taken()` are those that ended, as (name, trace, parent, attributes)."""

    def __init__(self) -> None:
        self._memory = InMemorySpanExporter()
        self.spans = Spans(self._memory, {"service.name": "relay"})

    async def taken(self) -> list[tuple[str, str, str, dict[str, Any]]]:
        await self.spans.aclose()
        return [
            (
                span.name,
                f"{span.context.trace_id:032x}",
                f"{span.parent.span_id:016x}" if span.parent else "",
                dict(span.attributes or {}),
            )
            for span in self._memory.get_finished_spans()
        ]


async def test_an_attempt_goes_on_from_accept_and_that_from_the_sender() -> None:
    recorded = Recorded()
    accepting = recorded.spans.accepting("ops", [PARENT], 0.25)
    context = accepting.context
    accepting.end("accepted", event="operation.failed")
    recorded.spans.attempted(
        context, 0.5, channel="slack", destination="team", attempt=2, outcome="dead", error="SlackError"
    )

    accept, attempt = await recorded.taken()

    own = context.split("-")[2]
    assert accept == (
        "relay.accept",
        TRACE,
        SPAN,
        {"relay.source": "ops", "relay.outcome": "accepted", "relay.event": "operation.failed"},
    )
    assert attempt[:3] == ("relay.attempt", TRACE, own)
    assert attempt[3] == {"relay.channel": "slack", "relay.destination": "team", "relay.attempt": 2,
                          "relay.outcome": "dead", "error.type": "SlackError"}  # fmt: skip


@pytest.mark.parametrize("parents", MALFORMED.values(), ids=MALFORMED)
async def test_a_malformed_traceparent_is_none_and_the_trace_begins_here(parents: Sequence[bytes]) -> None:
    recorded = Recorded()
    recorded.spans.accepting("ops", parents, 0.0).end("accepted")

    [(_, trace, parent, _)] = await recorded.taken()

    assert (parent, trace == TRACE) == ("", False)


@pytest.mark.parametrize(
    "env",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none"},
        {"OTEL_TRACES_EXPORTER": "zipkin"},
    ],
    ids=["nothing", "disabled", "no exporter", "an exporter alone"],
)
def test_without_a_collector_there_is_no_tracing_and_no_word_of_it(env: dict[str, str]) -> None:
    with capture_logs() as lines:
        assert open_tracing(env) is None

    assert lines == []


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "http/protobuf"),
        ("OTEL_TRACES_EXPORTER", "zipkin", "zipkin"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "256", "max_queue_size"),  # without a smaller batch
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0", "max_queue_size"),
        ("OTEL_BSP_SCHEDULE_DELAY", "0", "schedule_delay"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "many", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"),
    ],
)
def test_what_cannot_be_done_is_said_once_and_relay_goes_on_without(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, reason: str
) -> None:
    monkeypatch.setenv(variable, value)  # some are read by OpenTelemetry itself

    with capture_logs() as lines:
        assert open_tracing({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", variable: value}) is None

    [line] = lines
    assert (line["event"], line["log_level"]) == ("tracing.off", "warning")
    assert reason in line["reason"]


def test_what_the_exporter_says_again_and_again_is_one_line() -> None:
    handler = _Rationed()
    record = logging.LogRecord("opentelemetry", logging.WARNING, "", 0, "no answer from %s", ("it",), None)

    with capture_logs() as lines:
        for _ in range(1000):
            handler.handle(record)

    [line] = lines
    assert (line["event"], line["reason"], line["left_out"]) == ("tracing.failed", "no answer from it", 0)
