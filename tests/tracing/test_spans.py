"""Spans as an exporter gets them, and what the environment must say for that."""

import logging
from collections.abc import Sequence

import pytest
from structlog.testing import capture_logs

from relay.tracing import open_tracing

pytest.importorskip("opentelemetry.sdk", reason="it comes with the extra otel")
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from relay.tracing.spans import Spans, _Rationed

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01".encode()
MALFORMED = {
    "none": (),
    "two": (PARENT, PARENT),
    "no hex": (PARENT.replace(b"0af7", b"0xyz"),),
    "all zero": (b"00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-01",),
    "not of this version": (b"ff" + PARENT[2:],),
    "no text": (b"\xff\x00" * 20,),
}


@pytest.mark.parametrize("parents", MALFORMED.values(), ids=MALFORMED)
async def test_a_malformed_traceparent_is_none_and_the_trace_begins_here(parents: Sequence[bytes]) -> None:
    memory = InMemorySpanExporter()
    spans = Spans(memory, {"service.name": "relay"})
    spans.accepting("ops", parents, 0.0).end("accepted")
    await spans.aclose()

    [span] = memory.get_finished_spans()
    assert (span.parent, f"{span.context.trace_id:032x}" == TRACE) == (None, False)


@pytest.mark.parametrize("env", [
    {},
    {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"},
    {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none"},
    {"OTEL_TRACES_EXPORTER": "zipkin"},
], ids=["nothing", "disabled", "no exporter", "an exporter alone"])  # fmt: skip
def test_without_a_collector_there_is_no_tracing_and_no_word_of_it(env: dict[str, str]) -> None:
    with capture_logs() as lines:
        assert open_tracing(env) is None

    assert lines == []


@pytest.mark.parametrize(("variable", "value", "reason"), [
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "http/protobuf"),
    ("OTEL_TRACES_EXPORTER", "zipkin", "zipkin"),
    ("OTEL_BSP_MAX_QUEUE_SIZE", "256", "max_queue_size"),  # without a smaller batch
    ("OTEL_BSP_MAX_QUEUE_SIZE", "0", "max_queue_size"),
    ("OTEL_BSP_SCHEDULE_DELAY", "0", "schedule_delay"),
    ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "many", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"),
])  # fmt: skip
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
