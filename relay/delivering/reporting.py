"""Reports of attempts to the log, the metrics and the traces."""

import logging
import time
from collections.abc import Callable
from typing import Any

import structlog

from relay import metrics
from relay.delivering.outcome import Failure
from relay.domain.deliveries import Delivery, Receipt
from relay.errors import DeliveryError
from relay.receiving.problems import RateLimitedLog
from relay.tracing import Tracing

log = structlog.get_logger(__name__)

LEVELS = {"delivered": logging.INFO, "dead": logging.ERROR}  # any other outcome of an attempt is a warning


class Reporting:
    """`started` is a time of `time.monotonic`."""

    def __init__(self, clock: Callable[[], float], lines: RateLimitedLog, tracing: Tracing | None) -> None:
        self._clock = clock
        self._lines = lines
        self._tracing = tracing

    def delivered(self, delivery: Delivery, started: float, receipt: Receipt) -> None:
        metrics.latency.labels(delivery.channel).observe(
            max(0.0, self._clock() - delivery.event.received_at.timestamp())
        )
        self._attempted(delivery, "delivered", started, receipt.detail)

    def failed(
        self, delivery: Delivery, started: float, failure: Failure, error: DeliveryError, *, unsent: bool
    ) -> None:
        if failure.reason:
            metrics.given_up.labels(delivery.channel, failure.reason.value).inc()
        else:
            why = error.pause or ("unknown" if failure.unknown else "error")
            metrics.retries.labels(delivery.channel, why).inc()
        if unsent and not failure.reason:
            fields = {"channel": delivery.channel, "scope": delivery.scope, "error": str(error)}
            self._lines.warning(log, "channel.probe_failed", delivery.scope, **fields)
            return
        consequence = {"reason": failure.reason.value} if failure.reason else {"retry_in": failure.retry_in}
        self._attempted(delivery, failure.status, started, str(error), fault=type(error).__name__, **consequence)

    def _attempted(
        self, delivery: Delivery, outcome: str, started: float, detail: str, *, fault: str = "", **more: Any
    ) -> None:
        seconds, trace = time.monotonic() - started, delivery.event.trace
        if self._tracing is not None:
            self._tracing.attempted(
                trace, seconds, channel=delivery.channel, destination=delivery.destination, attempt=delivery.attempt,
                outcome=outcome, error=fault,
            )  # fmt: skip
            more |= {"trace_id": trace[3:35]} if trace else {}
        metrics.attempts.labels(delivery.channel, delivery.destination, outcome).inc()
        log.log(
            LEVELS.get(outcome, logging.WARNING),
            "delivery.attempted",
            delivery=delivery.id,
            subject=delivery.event.subject,
            name=delivery.event.name,
            destination=delivery.destination,
            channel=delivery.channel,
            kind=delivery.kind,
            attempt=delivery.attempt,
            outcome=outcome,
            seconds=round(seconds, 3),
            detail=detail,
            **more,
        )
