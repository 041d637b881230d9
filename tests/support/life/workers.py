"""Steps of a worker with one delivery that it holds, a call at a time, and what may come of the message."""

from collections.abc import Awaitable, Callable
from random import Random

from relay.channels import CHANNELS
from relay.delivering.outcome import Limits, failure_of
from relay.domain.deliveries import Delivery, Receipt
from relay.domain.silences import Hold
from relay.errors import DeliveryError, StoreUnavailable
from relay.policy.retry import Patience, RetryPolicy
from tests.support.life.losses import LifeStore
from tests.support.life.record import Attempt, Record

PAUSED = ("channel:slack", "channel:email", "destination:room/#room", "destination:team/#team")  # what a reload lifts


def fault(pick: Random, delivery: Delivery) -> DeliveryError:
    """Why an attempt failed, as channels say it."""
    wait = pick.choice([None, 20.0, 400.0])
    return pick.choice(
        [
            DeliveryError("550 no such mailbox", permanent=True),
            DeliveryError("451 come back later", retry_after=wait),
            DeliveryError("is_archived", pause="destination"),
            DeliveryError("token_revoked", pause="channel", unsent=True, refused=True),
            DeliveryError("429", pause="limit", retry_after=wait),
            DeliveryError("no answer within 15 s", pause="channel", outcome_unknown=not delivery.edits),
        ]
    )


def _unlimited(_address: str) -> Limits:
    return (), ()


class Work:
    """One claimed delivery in a worker's hands. `done`: it has let go of it."""

    def __init__(
        self,
        store: LifeStore,
        delivery: Delivery,
        record: Record,
        now: Callable[[], float],
        hold: Callable[[Delivery, float], Hold | None],
    ) -> None:
        self._store, self._delivery, self._record, self._now = store, delivery, record, now
        self._hold = hold
        self._attempt: Attempt | None = None
        self._settle: Callable[[], Awaitable[bool]] | None = None
        self._may_send = False  # a silence that means it is over in Redis
        self._unknown = False  # relay itself says that it cannot know what became of it
        self.late = False  # the message is still on its way, whatever became of the lease
        self.done = False

    async def step(self, pick: Random) -> None:
        """The next call. StoreUnavailable: it is made again, for what is known in here nobody else could find out."""
        if self.late:
            if pick.random() < 0.2:
                await self.arrive_late()
        elif self._settle:
            await self._settled()
        elif not self._may_send and (hold := self._hold(self._delivery, self._now())):
            self.done = await self._store.silence(self._delivery, hold)
            self._may_send = not self.done
        elif (chance := pick.random()) < 0.05:
            self._settle = lambda: self._store.release(self._delivery)
        elif chance < 0.1:
            self.done = not await self._store.extend(self._delivery)
        elif not await self._store.mark_sending(self._delivery):
            self.done = True
        else:
            self._attempt = self._record.begun(self._delivery)
            self._send(self._attempt, pick)

    def _send(self, attempt: Attempt, pick: Random) -> None:
        chance = pick.random()
        if chance < 0.6:
            self._arrive(attempt)
        elif chance < 0.75:
            self.late = True
        elif chance < 0.8:
            self.done = True  # it died before the first byte left
        else:
            self._fail(attempt, fault(pick, self._delivery), pick)

    async def deliver(self) -> None:
        """All of it at once, and well."""
        assert not self._hold(self._delivery, self._now())
        if await self._store.mark_sending(self._delivery):
            self._attempt = self._record.begun(self._delivery)
            self._arrive(self._attempt)
            await self._settled()
            assert self._attempt.known, f"{self._delivery.id}: its receipt is not taken"

    def _arrive(self, attempt: Attempt) -> None:
        self._record.arrived(attempt)
        self.late = False
        thread = dict(self._delivery.thread)
        if self._delivery.kind in ("live", "roundup") and self._delivery.channel == "slack" and not thread:
            thread = {"channel": "C1", "ts": f"{attempt.number}"}
        receipt = Receipt(f"ok {attempt.number}", thread)
        self._settle = lambda: self._store.complete(self._delivery, receipt)

    async def arrive_late(self) -> None:
        """And its worker says so, however often it must: else an old state might stand over a newer one."""
        assert self._attempt
        self._arrive(self._attempt)
        while not self.done:
            try:
                await self._settled()
            except StoreUnavailable:
                continue

    def _fail(self, attempt: Attempt, error: DeliveryError, pick: Random) -> None:
        delivery, store = self._delivery, self._store
        if error.outcome_unknown and pick.random() < 0.5:
            self._record.arrived(attempt)
        limits = CHANNELS[delivery.channel].limits if delivery.channel in CHANNELS else _unlimited
        failure = failure_of(
            error, delivery, policy=RetryPolicy(), give_up_after=Patience().give_up_after, limits=limits,
            now=self._now(), jitter=pick.random,
        )  # fmt: skip
        if failure.reason:
            reason = failure.reason
            self._settle = lambda: store.dead_letter(delivery, reason, str(error))
        else:
            self._settle = lambda: store.reschedule(
                delivery, failure.retry_in, str(error), refund_attempt=failure.refund_attempt, unknown=failure.unknown,
                of_channel=failure.of_channel, holds=failure.pauses,
            )  # fmt: skip
        self._unknown = failure.unknown

    async def _settled(self) -> None:
        """Tell Redis; the record learns whether it got there, also where the answer did not."""
        assert self._settle
        if self._attempt and self._delivery.kind == "live":
            self._attempt.outlived |= await self._store.kind_of(self._delivery) == "reply"
        try:
            await self._store.settled(self._settle)
        finally:
            if self._store.was_settled and self._attempt and not self._unknown:
                self._attempt.known = True
        self.done = True
