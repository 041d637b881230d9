"""Sends what is in the outbox: signed, in the order of its lane, retried after a failure, and counted.

At least once: a crash between the answer and its record sends the same request again, under the same webhook-id.
"""

import asyncio
import random
import time
from collections.abc import Callable, Mapping

import aiohttp
import structlog

from relay import __version__
from relay.errors import StoreUnavailable
from relay.log_lines import location_of
from relay.policy.retry import RetryPolicy, delay
from relay.receiving.signatures import sign
from relay_sandbox.context import SandboxContext
from relay_sandbox.schema.requests import Retrying
from relay_sandbox.storage.changes import Attempt
from relay_sandbox.storage.records import Sending, Webhook

ANSWER_TIMEOUT = 10.0  # seconds for an answer; far less than the lease
PAUSE = 5.0  # seconds after which a paused webhook is looked at again
MAX_CONCURRENCY = 20

log = structlog.get_logger(__name__)


class Outbox:
    def __init__(
        self, context: SandboxContext, session: aiohttp.ClientSession, jitter: Callable[[], float] = random.random
    ) -> None:
        self._context = context
        self._session = session
        self._jitter = jitter
        self.in_flight: set[asyncio.Task[None]] = set()

    async def turn(self) -> int:
        """Try the first request of every lane that is due; how many lanes there were."""
        lanes = await self._context.state.claim("outbox", self._context.clock(), MAX_CONCURRENCY)
        await asyncio.gather(*(self._serve(lane) for lane in lanes))
        return len(lanes)

    async def start_due(self) -> int:
        """Start what `turn` does, without waiting for the answers: a slow receiver holds up its own lane alone."""
        free = MAX_CONCURRENCY - len(self.in_flight)
        lanes = await self._context.state.claim("outbox", self._context.clock(), free) if free else []
        for lane in lanes:
            task = asyncio.create_task(self._serve(lane))
            self.in_flight.add(task)
            task.add_done_callback(self.in_flight.discard)
        return len(lanes)

    async def _serve(self, lane: str) -> None:
        try:
            await self._send_first(lane)
        except StoreUnavailable as error:  # the claim comes due again
            log.warning("sandbox.unsettled", lane=lane, reason=str(error))
        except Exception as error:  # noqa: BLE001 - this one too, and the others go on
            log.error("sandbox.failed", lane=lane, error=type(error).__name__, place=location_of(error))

    async def _send_first(self, lane: str) -> None:
        state, now = self._context.state, self._context.clock()
        sending = await state.first(lane)
        if sending is None:
            return
        webhook = await state.get(Webhook, sending.webhook) if sending.webhook else None
        if sending.webhook and webhook is None:
            await state.settle(sending, None)  # it was deleted
            return
        if webhook and webhook.status != "Active":
            await state.postpone("outbox", lane, now + PAUSE)
            return
        started = time.perf_counter()
        status, retry_after = await self._post(sending, headers(sending, webhook, now))
        took = (time.perf_counter() - started) * 1000
        wait = None if 200 <= status < 300 else self._wait(sending, retry_after)
        retry = None if wait is None else sending.model_copy(update={"attempt": sending.attempt + 1})
        now = self._context.clock()
        attempt = Attempt(200 <= status < 300, round(took, 1), now, retry, now + (wait or 0.0))
        await state.settle(sending, attempt)
        if not attempt.successful:
            log.warning("sandbox.not_sent", told=sending.event, status=status, attempt=sending.attempt, retry_in=wait)

    async def _post(self, sending: Sending, request_headers: Mapping[str, str]) -> tuple[int, float | None]:
        """The status, 0 for no answer, and the Retry-After in seconds."""
        try:
            async with self._session.post(
                sending.url, data=sending.body.encode(), headers=request_headers, allow_redirects=False,
                timeout=aiohttp.ClientTimeout(ANSWER_TIMEOUT),
            ) as response:  # fmt: skip
                after = response.headers.get("Retry-After", "")
                return response.status, float(after) if after.isdigit() and len(after) < 7 else None
        except (aiohttp.ClientError, OSError, ValueError):  # TimeoutError is an OSError
            return 0, None

    def _wait(self, sending: Sending, retry_after: float | None) -> float | None:
        return delay(sending.attempt, _policy(sending.policy, self._context.speed), self._jitter, retry_after)


def headers(sending: Sending, webhook: Webhook | None, now: float) -> dict[str, str]:
    """Sign one request. While a secret is being replaced both sign, so that the receiver may change at any moment."""
    body, values = (
        sending.body.encode(),
        {"Content-Type": "application/json", "User-Agent": f"relay-sandbox/{__version__}"},
    )
    values |= {"webhook-id": sending.id}
    if webhook:
        # The webhook's own headers cannot replace ours.
        ours = {name.lower() for name in values} | {"host", "content-length", "transfer-encoding", "connection"}
        values |= {name: value for name, value in webhook.request.headers.items() if name.lower() not in ours}
        authentication = webhook.request.authentication
        token = authentication.token if authentication and authentication.type == "bearer" else None
        old = [webhook.previous] if webhook.previous and now < webhook.previous_until else []
        keys = [key for key in (webhook.secret, *old) if key]
    else:
        token, keys = sending.token, [sending.secret] if sending.secret else []
    if token:
        values["Authorization"] = f"Bearer {token}"
    for key in keys:
        secret = key.encode()
        plain = sign("hmac-sha256", body, secret)
        dated = sign("standard-webhooks", body, secret, message_id=sending.id, timestamp=now)
        values["X-Webhook-Signature"] = ",".join(filter(None, (values.get("X-Webhook-Signature"), *plain.values())))
        signature = " ".join(filter(None, (values.get("webhook-signature"), dated.pop("webhook-signature"))))
        values |= {**dated, "webhook-signature": signature}
    return values


def _policy(policy: Retrying, speed: float) -> RetryPolicy:
    return RetryPolicy(
        max_retries=policy.max_retries, retry_delay=policy.retry_delay / speed,
        backoff_multiplier=policy.backoff_multiplier, max_delay=policy.max_delay / speed,
    )  # fmt: skip
