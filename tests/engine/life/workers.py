"""What a process does with one delivery that was handed out to it, an entry at a time, and what the other side does."""

from random import Random
from typing import TYPE_CHECKING, Any

from relay.channels import CHANNELS
from relay.delivering.outcome import Failure, Limits, failure_of
from relay.domain.deliveries import Delivery
from relay.engine.pauses import PauseScope
from relay.engine.posted import Arrived
from relay.engine.receipts import Failed, GiveUp, Held, Mark, Release, Withhold
from relay.engine.state import Changes
from relay.engine.suppressions import Suppression
from relay.errors import DeliveryError
from relay.policy.retry import RetryPolicy, retry_in
from relay.store.queue import baseline_of
from tests.engine.life.configurations import BOUNCING
from tests.engine.life.record import Attempt

if TYPE_CHECKING:
    from tests.engine.life.world import World

EDITED = ("live", "roundup")


def fault(pick: Random, delivery: Delivery) -> DeliveryError:
    """Why an attempt failed, as channels say it."""
    wait = pick.choice([None, 20.0, 400.0])
    if delivery.address == BOUNCING and pick.random() < 0.7:
        return DeliveryError("550 no such mailbox", permanent=True, bounce=pick.choice(["hard", "soft", "soft"]))
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
    """One delivery in a process's hands. `done`: it has let go of it."""

    def __init__(self, world: "World", delivery: Delivery) -> None:
        self._world, self.delivery = world, delivery
        self.attempt: Attempt | None = None
        self._receipt: Held | None = None
        self._may_send = False  # a silence that means it is over
        self._unknown = False  # relay itself says that it cannot know what became of it
        self.late = False  # the message is still on its way, whatever becomes of the process
        self.done = False

    @property
    def _names(self) -> dict[str, Any]:
        delivery = self.delivery
        return {
            "id": delivery.id, "ticket": delivery.ticket, "lane": delivery.lane,
            "probing": delivery.trial.probe is not None,
        }  # fmt: skip

    def step(self, pick: Random) -> None:
        """Take the next step."""
        if self.late:
            if pick.random() < 0.12:
                self.arrive()
                if pick.random() < 0.5:
                    self.settle(pick)
        elif self._receipt:
            self.settle(pick)
        elif not self._may_send and (hold := self._world.hold(self.delivery)):
            self.done = self._world.decide(Withhold(**self._names, silence=hold.silence, how=hold.how))
            self._may_send = not self.done
        elif pick.random() < 0.05:
            self._release(pick.choice([0, 250]))
        elif self._is_found(pick):
            self._receipt = self._arrived(found=True)
        elif not self._world.decide(Mark(**self._names)):
            self.done = True
        else:
            self.attempt = self._world.record.begun(self.delivery)
            self._send(self.attempt, pick)
            if self.late and pick.random() < 0.25:  # it takes so long that its process loses the partition
                self._world.lose()

    def give_back(self) -> None:
        """The process stops, and has not begun to send it."""
        if self.attempt is None and self._receipt is None:
            self._release(0)

    def _release(self, delay: int) -> None:
        trial = self.delivery.trial
        probes_in = None if trial.probe is None or not delay else int(retry_in(trial) * 1000)
        self._receipt = Release(**self._names, delay=delay, probes_in=probes_in)
        self.settle(self._world.pick)

    def _is_found(self, pick: Random) -> bool:
        """The channel is asked for a message that may have arrived, and has it."""
        delivery = self.delivery
        if not delivery.unknown or delivery.edits or delivery.channel != "slack" or pick.random() < 0.5:
            return False
        self.attempt = self._world.standing_message(delivery)
        return self.attempt is not None

    def _send(self, attempt: Attempt, pick: Random) -> None:
        chance = pick.random()
        if chance < 0.5:
            self.arrive()
        elif chance < 0.76:
            self.late = True
        elif chance < 0.78:
            self.done = True  # it is stuck for ever, and only its process's end tells
            self._world.stuck.append(self)
        else:
            self._fail(attempt, fault(pick, self.delivery), pick)

    def deliver(self) -> None:
        """Do all of it at once, and well."""
        assert not self._world.hold(self.delivery)
        if self._is_found(self._world.pick):
            self._receipt = self._arrived(found=True)
        else:
            assert self._world.decide(Mark(**self._names)), f"{self.delivery.id}: its mark is not taken"
            self.attempt = self._world.record.begun(self.delivery)
            self.arrive()
        self.settle(self._world.pick)
        assert self.attempt and self.attempt.known, f"{self.delivery.id}: its receipt is not taken"

    def arrive(self) -> None:
        """The other side has it, and says so."""
        assert self.attempt
        self._world.arrive(self.attempt)
        self.late = False
        self._receipt = self._arrived(found=False)

    def _arrived(self, *, found: bool) -> Arrived:
        delivery, attempt = self.delivery, self.attempt
        assert attempt
        receipt = dict(delivery.thread)
        if delivery.kind in EDITED and delivery.channel == "slack" and not receipt:
            receipt = {"channel": "C1", "ts": f"{attempt.number}"}
        return Arrived(
            **self._names, receipt=receipt, detail=f"ok {attempt.number}", new=receipt != delivery.thread, found=found,
            shown=attempt.delivery.event.name if found else "", converges=delivery.kind in EDITED,
            baseline=baseline_of(delivery.event.document) if delivery.kind == "digest" else None,
        )  # fmt: skip

    def _fail(self, attempt: Attempt, error: DeliveryError, pick: Random) -> None:
        delivery = self.delivery
        if error.outcome_unknown and pick.random() < 0.5:
            self._world.arrive(attempt)
        limits = CHANNELS[delivery.channel].limits if delivery.channel in CHANNELS else _unlimited
        failure = failure_of(
            error, delivery, policy=RetryPolicy(), limits=limits,
            now=self._world.now / 1000, jitter=pick.random,
        )  # fmt: skip
        self._unknown = failure.unknown
        if failure.reason:
            self._receipt = GiveUp(**self._names, reason=failure.reason, error=str(error), bounce=error.bounce)
        else:
            self._receipt = Failed(
                **self._names, delay=int(failure.retry_in * 1000), error=str(error), unknown=failure.unknown,
                refund_attempt=failure.refund_attempt, of_channel=failure.of_channel, refused=error.refused,
                pauses=_pauses(failure),
            )  # fmt: skip

    def settle(self, pick: Random) -> None:
        """Say what became of it; the answer may be lost, and then it is said again."""
        assert self._receipt
        outlived = self._world.kept_kind(self.delivery.id) == "reply"
        taken = self._world.decide(self._receipt)
        if isinstance(self._receipt, GiveUp) and self._world.memory.record(Suppression, f"* {self.delivery.address}"):
            self._world.record.suppressed(self.delivery.address, ends=False)
        if pick.random() < 0.05:
            assert not self._world.decide(self._receipt), f"taken twice: {self._receipt}"
            assert not taken or self._world.partition.newest == Changes(), f"decides twice: {self._receipt}"
        if self.attempt:
            self.attempt.outlived |= self.attempt.delivery.kind == "live" and outlived
            if taken and not self._unknown:
                self.attempt.known_by = min(self.attempt.known_by, len(self._world.record.attempts))
            self.attempt.told |= isinstance(self._receipt, Arrived)
        self.done = True


def _pauses(failure: Failure) -> tuple[PauseScope, ...]:
    return tuple(
        PauseScope(pause.scope, int(pause.seconds * 1000), pause.reason, pause.probe, pause.witnessed)
        for pause in failure.pauses
    )
