"""Receipts: outcomes of deliveries that were handed out.

None of them does anything for a hand-out that is over: its delivery was given to another process since, or has left.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from relay.domain.deliveries import Silenced
from relay.engine.bundles import move_to_bundle
from relay.engine.deliveries import converges, dead_letter, doubt, requeue
from relay.engine.draft import Draft
from relay.engine.health import record_failure
from relay.engine.lanes import make_due
from relay.engine.ledger import note
from relay.engine.limits import Rate
from relay.engine.parking import EVER
from relay.engine.pauses import CHANNEL, DESTINATION, PauseScope, lane_of, pause, probe_again
from relay.engine.records import FLYING, Delivery, Thread
from relay.engine.suppressions import bounce
from relay.engine.withholding import await_end, bundle_silenced, end_of, is_over

CALL = 60_000  # ms after its mark for which a call may be under way, where its channel does not say
BEGINS = 5_000  # ms after its mark within which a call begins: no lease lasts for longer
LONGEST_DELAY = 300_000  # ms after a hand-out lapsed; the first of a row is a second, each next one twice as long


@dataclass(frozen=True, slots=True)
class Held:
    """Something about a delivery that was handed out. Answer: bool; False: it is no longer the sender's.

    lane     the delivery's, for a receipt that comes when the delivery is gone
    probing  it went ahead of what waits for its channel
    """

    id: str
    ticket: str
    lane: str = ""
    probing: bool = False

    def decide(self, d: Draft) -> bool:
        x = held(d, self)
        if x is None or self.settle(d, x) is False:
            return False
        go_on_probing(d, x, self)
        return True

    def settle(self, d: Draft, x: Delivery) -> bool | None:
        """Settle it while the hand-out goes on. False: not after all."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Mark(Held):
    """The first byte is about to leave: from here on a crash leaves the outcome unknown.

    A mark that is made again costs no other attempt. `lasts`: ms after which the call is over; 0: that is not known.
    """

    lasts: int = 0

    def decide(self, d: Draft) -> bool:
        x = held(d, self)
        if x is None:
            return False
        x.attempts += 0 if x.marked else 1
        x.marked, x.lasts = d.now, self.lasts
        return True


@dataclass(frozen=True, slots=True)
class Release(Held):
    """Nothing was sent. `probes_in`: its channel, which it was to probe, is probed again in so many ms."""

    delay: int = 0  # ms
    probes_in: int | None = None

    def settle(self, d: Draft, x: Delivery) -> None:
        x.attempts -= 1 if x.marked else 0  # the mark was too late, so that nothing was sent
        requeue(d, x, d.now + self.delay)


@dataclass(frozen=True, slots=True)
class Failed(Held):
    """The attempt failed. It is made again in `delay` ms, or waits with what is parked for the same scope.

    Most flags are those of relay.delivering.outcome.Failure.

    refused       credentials or an address of relay's own were refused
    unsent        nothing was sent
    unresponsive  the other side did not even take the call
    """

    delay: int = 0
    error: str = ""
    refund_attempt: bool = False
    unknown: bool = False
    of_channel: bool = False
    refused: bool = False
    unsent: bool = False
    unresponsive: bool = False
    pauses: tuple[PauseScope, ...] = ()

    def settle(self, d: Draft, x: Delivery) -> None:
        parks = pause(d, x, self.pauses, probing=self.probing, unresponsive=self.unresponsive)
        for fault in self.pauses:  # a failure of the message alone says nothing of its channel and its destination
            if fault.scope.startswith((CHANNEL, DESTINATION)):
                record_failure(d, fault.scope, lane_of(x), self.error, refused=self.refused)
        x.error, x.crashes = self.error, 0
        x.failing = x.failing or d.now
        if not self.unsent:  # of which there may be thousands, and a story has room for 200 lines
            note(d, x.operation, "failed", x.destination, x.attempts, self.error, self.delay)
        if self.refund_attempt and x.marked:
            x.attempts -= 1
        if self.of_channel:
            x.faults += 1
            x.failed = d.now
        if self.unknown:
            doubt(d, x)
        requeue(d, x, d.now + (0 if parks else self.delay))


@dataclass(frozen=True, slots=True)
class GiveUp(Held):
    """It becomes a dead letter. `bounce` (hard, soft) counts against its address."""

    reason: str = ""
    error: str = ""
    bounce: str = ""

    def settle(self, d: Draft, x: Delivery) -> None:
        if self.bounce and bounce(d, x, self.bounce, self.error):
            note(d, x.operation, "suppressed", x.destination, x.address, self.error)
        dead_letter(d, x, self.reason, self.error)


@dataclass(frozen=True, slots=True)
class Withhold(Held):
    """A silence means it, and nothing was sent: it waits for the end, in the summary or by itself, or is dropped.

    Answer: False also where the silence is over, which its sender does not know yet: it may be sent.
    """

    silence: Silenced | None = None
    how: str = ""  # bundled, later, dropped

    def settle(self, d: Draft, x: Delivery) -> bool | None:
        silence = self.silence
        if silence is None or is_over(d, silence):
            return False
        _refund_slots(d, x)
        requeue(d, x, d.now)
        if d.get(Delivery, x.name) is None:
            return None  # a newer state is sent instead
        if self.how == "dropped" or (self.how == "bundled" and bundle_silenced(d, x, silence)):
            move_to_bundle(d, x, "silenced", silence.id)
        else:
            await_end(d, silence, x.name)
            make_due(d, x, end_of(silence))
        return None


@dataclass(frozen=True, slots=True)
class Lapse:
    """Give up hand-outs of a process that is gone: without a mark nothing was sent, with one the outcome is unknown.

    `begins`: how its tickets begin. `living`: those of these processes are left alone. Neither: all of them.
    `ended`: how tickets begin of which no call is under way; any other call may go on until its time is over.
    Answer: the processes whose calls may.
    """

    begins: str = ""
    living: Sequence[str] = ()
    ended: Sequence[str] = ("",)

    def decide(self, d: Draft) -> list[str]:
        living, left = tuple(f"{process}:" for process in self.living), set[str]()
        for name, x in d.get_all(Delivery, d.first(FLYING, EVER)).items():
            if not x.ticket.startswith(self.begins) or x.ticket.startswith(living):
                continue
            if x.ticket and not x.ticket.startswith(tuple(self.ended)) and _may_go_on(d, x):
                left.add(x.ticket.partition(":")[0])
            elif x.ticket:
                d.attempt(_lapse, name)
        return sorted(left)


def _may_go_on(d: Draft, x: Delivery) -> bool:
    """Return whether its call may be under way in a process that is not heard of any more."""
    return 0 <= d.now - x.marked < (x.lasts + BEGINS if x.lasts else CALL)


def _lapse(d: Draft, name: str) -> None:
    """Requeue it. Before the mark nothing was sent; after it an edit is repeated, a new message looked for first.

    It may be what its process died of, as each of those under way: it waits, and longer each time.
    """
    x = d.edit(Delivery, name)
    x.lapsed = x.ticket  # its receipt may come yet
    x.crashes, x.unreadable = 1 if x.unreadable else x.crashes + 1, False
    note(d, x.operation, "lease lapsed", x.destination, "outcome unknown" if x.marked else "not sent")
    thread = d.get(Thread, x.lane)
    if x.marked and not (converges(x.kind) and thread and thread.posted):
        doubt(d, x)
    requeue(d, x, d.now + delay_after(x.crashes))


def delay_after(lapses: int) -> int:
    return min(1000 << min(lapses - 1, 16), LONGEST_DELAY)


def held(d: Draft, entry: Held) -> Delivery | None:
    """Return the delivery, if this hand-out of it still goes on."""
    x = d.get(Delivery, entry.id)
    return d.edit(Delivery, entry.id) if x and entry.ticket and x.ticket == entry.ticket else None


def _refund_slots(d: Draft, x: Delivery) -> None:
    """Give back the slots of the call that it will not make: what comes next need not wait for them."""
    for name, period, *_ in x.calls.get("new", ()):
        if d.get(Rate, name):
            d.edit(Rate, name).at -= period


def go_on_probing(d: Draft, x: Delivery, entry: Held) -> None:
    """Let the next one probe the channel: this probe is settled, and its channel has not failed again."""
    fails = isinstance(entry, Failed) and any(fault.scope.startswith(CHANNEL) for fault in entry.pauses)
    if entry.probing and not fails:
        probe_again(d, x, entry.probes_in if isinstance(entry, Release) else None)
