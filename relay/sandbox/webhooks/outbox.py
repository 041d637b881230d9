"""Sends what is in the outbox: signed, in the order of its lane, again after a failure, and counted.

At least once: a crash between the answer and its note sends the same request again, under the same webhook-id.
"""

import asyncio
import random
import time
from collections.abc import Callable, Mapping

import aiohttp
import structlog

from relay import __version__
from relay.errors import StoreUnavailable
from relay.policy.retry import RetryPolicy, delay
from relay.receiving.problems import place
from relay.receiving.signatures import sign
from relay.sandbox.context import SandboxContext
from relay.sandbox.schema.requests import Retrying
from relay.sandbox.storage.changes import Attempt
from relay.sandbox.storage.records import Sending, Webhook

PATIENCE = 10.0  # seconds for an answer; far less than the lease
PAUSE = 5.0  # seconds after which a paused webhook is looked at again
AT_ONCE = 20

log = structlog.get_logger(__name__)


class Outbox:
    def __init__(
        self, desk: SandboxContext, session: aiohttp.ClientSession, jitter: Callable[[], float] = random.random
    ) -> None:
        self._desk = desk
        self._session = session
        self._jitter = jitter
        self.under_way: set[asyncio.Task[None]] = set()

    async def turn(self) -> int:
        """Try the first request of every lane that is due; how many lanes there were."""
        lanes = await self._desk.state.claim("outbox", self._desk.clock(), AT_ONCE)
        await asyncio.gather(*(self._serve(lane) for lane in lanes))
        return len(lanes)

    async def begin(self) -> int:
        """As `turn`, but waits for no answer: a receiver that gives none holds up its own lane alone."""
        free = AT_ONCE - len(self.under_way)
        lanes = await self._desk.state.claim("outbox", self._desk.clock(), free) if free else []
        for lane in lanes:
            task = asyncio.create_task(self._serve(lane))
            self.under_way.add(task)
            task.add_done_callback(self.under_way.discard)
        return len(lanes)

    async def _serve(self, lane: str) -> None:
        try:
            await self._try(lane)
        except StoreUnavailable as error:  # the claim comes due again
            log.warning("sandbox.unsettled", lane=lane, reason=str(error))
        except Exception as error:  # noqa: BLE001 - this one too, and the others go on
            log.error("sandbox.failed", lane=lane, error=type(error).__name__, place=place(error))

    async def _try(self, lane: str) -> None:
        state, now = self._desk.state, self._desk.clock()
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
        now = self._desk.clock()
        attempt = Attempt(200 <= status < 300, round(took, 1), now, retry, now + (wait or 0.0))
        await state.settle(sending, attempt)
        if not attempt.successful:
            log.warning("sandbox.not_sent", told=sending.event, status=status, attempt=sending.attempt, retry_in=wait)

    async def _post(self, sending: Sending, said: Mapping[str, str]) -> tuple[int, float | None]:
        """The status, 0 for no answer, and the Retry-After in seconds."""
        try:
            async with self._session.post(
                sending.url, data=sending.body.encode(), headers=said, allow_redirects=False,
                timeout=aiohttp.ClientTimeout(PATIENCE),
            ) as response:  # fmt: skip
                after = response.headers.get("Retry-After", "")
                return response.status, float(after) if after.isdigit() and len(after) < 7 else None
        except (aiohttp.ClientError, OSError, ValueError):  # TimeoutError is an OSError
            return 0, None

    def _wait(self, sending: Sending, retry_after: float | None) -> float | None:
        return delay(sending.attempt, _policy(sending.policy, self._desk.speed), self._jitter, retry_after)


def headers(sending: Sending, webhook: Webhook | None, now: float) -> dict[str, str]:
    """Of one request. While a secret is being replaced both sign, so that the receiver may change at any moment."""
    body, said = (
        sending.body.encode(),
        {"Content-Type": "application/json", "User-Agent": f"relay-sandbox/{__version__}"},
    )
    said |= {"webhook-id": sending.id}
    if webhook:
        # The webhook's own headers cannot replace ours.
        ours = {each.lower() for each in said} | {"host", "content-length", "transfer-encoding", "connection"}
        said |= {each: value for each, value in webhook.request.headers.items() if each.lower() not in ours}
        authentication = webhook.request.authentication
        token = authentication.token if authentication and authentication.type == "bearer" else None
        old = [webhook.previous] if webhook.previous and now < webhook.previous_until else []
        keys = [key for key in (webhook.secret, *old) if key]
    else:
        token, keys = sending.token, [sending.secret] if sending.secret else []
    if token:
        said["Authorization"] = f"Bearer {token}"
    for key in keys:
        secret = key.encode()
        plain = sign("hmac-sha256", body, secret)
        dated = sign("standard-webhooks", body, secret, message_id=sending.id, timestamp=now)
        said["X-Webhook-Signature"] = ",".join(filter(None, (said.get("X-Webhook-Signature"), *plain.values())))
        signature = " ".join(filter(None, (said.get("webhook-signature"), dated.pop("webhook-signature"))))
        said |= {**dated, "webhook-signature": signature}
    return said


def _policy(asked: Retrying, speed: float) -> RetryPolicy:
    return RetryPolicy(
        max_retries=asked.max_retries, retry_delay=asked.retry_delay / speed,
        backoff_multiplier=asked.backoff_multiplier, max_delay=asked.max_delay / speed,
    )  # fmt: skip
