"""Spans by OpenTelemetry's SDK. They are sent in batches by a thread of their own; of too many the oldest are dropped.

A span has names of the configuration and words of the code, and the event's name: no body, no address, no query string.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Mapping, Sequence

import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from relay import __version__

FAREWELL = 1.0  # seconds for the last spans when relay stops
PERIOD = 60.0  # seconds between two lines about a collector that takes nothing
GOOD = ("accepted", "duplicate", "late", "delivered")
W3C = TraceContextTextMapPropagator()
TRACEPARENT = "traceparent"

log = structlog.get_logger(__name__)


class Spans:
    """Makes spans, and never waits for a collector."""

    def __init__(self, exporter: SpanExporter, resource: Mapping[str, str]) -> None:
        self._provider = TracerProvider(resource=Resource.create({**resource}), shutdown_on_exit=False)
        self._exporter = exporter
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("relay", __version__)

    @classmethod
    def of_environment(cls, env: Mapping[str, str]) -> "Spans":
        """To the collector that the environment names, as OpenTelemetry reads it."""
        quiet = logging.getLogger("opentelemetry")
        quiet.propagate, quiet.handlers = False, [_Rationed()]
        resource = {"service.version": __version__}
        if not env.get("OTEL_SERVICE_NAME") and "service.name=" not in env.get("OTEL_RESOURCE_ATTRIBUTES", ""):
            resource["service.name"] = "relay"
        spans = cls(OTLPSpanExporter(), resource)
        log.info("tracing.started")
        return spans

    def accepting(self, source: str, parents: Sequence[bytes], seconds: float) -> "Accepting":
        """`parents` are the values of its header `traceparent`; it began so many seconds ago."""
        parent = parents[0].decode("ascii", "replace") if len(parents) == 1 else ""
        return Accepting(
            self._tracer.start_span(
                "relay.accept",
                W3C.extract({TRACEPARENT: parent}),  # what is malformed is none, and begins a trace of its own
                SpanKind.SERVER,
                {"relay.source": source},
                start_time=_ago(seconds),
            )
        )

    def attempted(
        self,
        context: str,
        seconds: float,
        *,
        channel: str,
        destination: str,
        attempt: int,
        outcome: str,
        error: str = "",
    ) -> None:
        """An attempt that took so long and is over; `error` is the class of what went wrong."""
        span = self._tracer.start_span(
            "relay.attempt",
            W3C.extract({TRACEPARENT: context}),
            SpanKind.CLIENT,
            {
                "relay.channel": channel,
                "relay.destination": destination,
                "relay.attempt": attempt,
                "relay.outcome": outcome,
                **({"error.type": error} if error else {}),
            },
            start_time=_ago(seconds),
        )
        if outcome not in GOOD:
            span.set_status(StatusCode.ERROR)
        span.end()

    async def aclose(self) -> None:
        """Lose what a collector that does not answer keeps waiting: a stop has its own time."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()

        def shut_down() -> None:
            self._provider.shutdown()
            with contextlib.suppress(RuntimeError):  # relay has ended without it
                loop.call_soon_threadsafe(_finish, done)

        threading.Thread(target=shut_down, daemon=True).start()
        try:
            async with asyncio.timeout(FAREWELL):
                await done
        except TimeoutError:
            self._exporter.shutdown()  # it stops waiting for the next try


class Accepting:
    """The span of one request, which is genuine."""

    def __init__(self, span: Span) -> None:
        self._span = span

    @property
    def context(self) -> str:
        """Return the `traceparent` that the spans of its deliveries continue; it is kept with the event."""
        span_context = self._span.get_span_context()
        return f"00-{span_context.trace_id:032x}-{span_context.span_id:016x}-{span_context.trace_flags:02x}"

    def end(self, outcome: str, *, event: str = "") -> None:
        self._span.set_attribute("relay.outcome", outcome)
        if event:
            self._span.set_attribute("relay.event", event)
        if outcome not in GOOD:
            self._span.set_status(StatusCode.ERROR)
        self._span.end()


class _Rationed(logging.Handler):
    """Log once a minute what OpenTelemetry says of a failing collector for each batch and each try."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._last, self._left_out = float("-inf"), 0

    def emit(self, record: logging.LogRecord) -> None:
        now = time.monotonic()
        if now - self._last < PERIOD:
            self._left_out += 1
            return
        left_out, self._last, self._left_out = self._left_out, now, 0
        meaning = "spans are lost, and nothing else"
        log.warning("tracing.failed", reason=record.getMessage()[:300], left_out=left_out, meaning=meaning)


def _finish(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)


def _ago(seconds: float) -> int:
    """Nanoseconds since the epoch, as spans have it."""
    return time.time_ns() - int(seconds * 1e9)
