"""Receipts: outcomes of deliveries that were handed out.

None of them does anything for a hand-out that is over: its delivery was given to another process since, or has left.
"""

from collections.abc import Callable
from typing import TypeVar

from relay.engine import entries
from relay.engine.bundles import move_to_bundle
from relay.engine.causes import confirm_sent
from relay.engine.deliveries import alarm_sent, converges, dead_letter, doubt, forget, requeue
from relay.engine.digests import keep_baseline
from relay.engine.health import record_failure
from relay.engine.lanes import leave, make_due, set_due
from relay.engine.ledger import note, record_end
from relay.engine.parking import EVER
from relay.engine.pauses import CHANNEL, DESTINATION, lane_of, lift_throttles, pause, probe_again, resume
from relay.engine.posted import adopt_message, record_message, repair
from relay.engine.records import FLYING, MAIN, Delivery, Rate, Thread
from relay.engine.state import Draft, NotLoaded
from relay.engine.suppressions import bounce
from relay.engine.withholding import await_end, bundle_silenced, end_of, is_over

CALL = 60_000  # ms after its mark for which a call may be under way, where its channel does not say
BEGINS = 5_000  # ms after its mark within which a call begins: no lease lasts for longer
SET_ASIDE = 30_000  # ms after which what could not be read is handed out again

E = TypeVar("E", bound=entries.Held)


def of_hand_out(
    decide: Callable[[Draft, Delivery, E], bool | None],
) -> Callable[[Draft, E, entries.Settings], bool]:
    """Decide it only while the hand-out goes on. Answers False where it does not, or `decide` says so."""

    def decide_if_held(d: Draft, entry: E, _: entries.Settings) -> bool:
        x = _held(d, entry)
        if x is None or decide(d, x, entry) is False:
            return False
        _go_on_probing(d, x, entry)
        return True

    return decide_if_held


def mark(d: Draft, entry: entries.Mark, _: entries.Settings) -> bool:
    """Mark that the first byte is about to leave: from here on a crash leaves the outcome unknown.

    A mark that is made again costs no other attempt.
    """
    x = _held(d, entry)
    if x is None:
        return False
    x.attempts += 0 if x.marked else 1
    x.marked, x.lasts = d.now, entry.lasts
    return True


@of_hand_out
def release(d: Draft, x: Delivery, entry: entries.Release) -> None:
    x.attempts -= 1 if x.marked else 0  # the mark was too late, so that nothing was sent
    requeue(d, x, d.now + entry.delay)


def arrived(d: Draft, entry: entries.Arrived, _: entries.Settings) -> bool:
    x = _held(d, entry) or _lapsed(d, entry)
    if x is None:
        repair(d, entry)
        return False
    # Of a run that is over, the outcome is in the message that was found: it is not sent once more.
    outcome = x.body and entry.shown == x.event
    thread = d.get(Thread, x.lane) if entry.found and converges(x.kind) and not outcome else None
    if thread and thread.standing:
        _show_present_state(d, x, entry)
    else:
        _complete(d, x, entry)
    _go_on_probing(d, x, entry)
    return True


@of_hand_out
def failed(d: Draft, x: Delivery, entry: entries.Failed) -> None:
    """Try it again later, or let it wait with what is parked for the same scope."""
    parks = pause(d, x, entry)
    for fault in entry.pauses:  # a failure of the message alone says nothing of its channel and its destination
        if fault.scope.startswith((CHANNEL, DESTINATION)):
            record_failure(d, fault.scope, lane_of(x), entry.error, refused=entry.refused)
    x.error, x.crashes = entry.error, 0
    x.failing = x.failing or d.now
    if not entry.unsent:  # of which there may be thousands, and a story has room for 200 lines
        note(d, x.operation, "failed", x.destination, x.attempts, entry.error, entry.delay)
    if entry.refund_attempt and x.marked:
        x.attempts -= 1
    if entry.of_channel:
        x.faults += 1
        x.failed = d.now
    if entry.unknown:
        doubt(d, x)
    requeue(d, x, d.now + (0 if parks else entry.delay))


@of_hand_out
def give_up(d: Draft, x: Delivery, entry: entries.GiveUp) -> None:
    if entry.bounce and bounce(d, x, entry.bounce, entry.error):
        note(d, x.operation, "suppressed", x.destination, x.address, entry.error)
    dead_letter(d, x, entry.reason, entry.error)


@of_hand_out
def withhold(d: Draft, x: Delivery, entry: entries.Withhold) -> bool | None:
    """Keep it for the end of a silence, in the summary or by itself, or drop it.

    False where the silence is over, which its sender does not know yet: it may be sent.
    """
    silence = entry.silence
    if silence is None or is_over(d, silence):
        return False
    _refund_slots(d, x)
    requeue(d, x, d.now)
    if d.get(Delivery, x.name) is None:
        return None  # a newer state is sent instead
    if entry.how == "dropped" or (entry.how == "bundled" and bundle_silenced(d, x, silence)):
        move_to_bundle(d, x, "silenced", silence.id)
    else:
        await_end(d, silence, x.name)
        set_due(d, x, end_of(silence))
        make_due(d, x)
    return None


@of_hand_out
def set_aside(d: Draft, x: Delivery, entry: entries.SetAside) -> None:
    """Let it wait, perhaps for another release that can read it; `take` gives it up after too many of these."""
    x.error, x.unreadable = entry.error, True
    x.crashes += 1
    requeue(d, x, d.now + SET_ASIDE)


def lapse(d: Draft, entry: entries.Lapse, _: entries.Settings) -> None:
    living, ended, running = tuple(f"{process}:" for process in entry.living), tuple(entry.ended), tuple(entry.running)
    for name, x in d.readable(Delivery, d.first(FLYING, EVER)).items():
        if not x or not x.ticket.startswith(entry.begins) or x.ticket.startswith(living):
            continue
        over = x.ticket.startswith(ended) and not x.ticket.startswith(running)
        if x.ticket and (over or not _may_go_on(d, x)):
            own = Draft(d, d.now)
            try:
                _lapse(own, own.edit(Delivery, name))
            except NotLoaded:
                raise
            except Exception:  # noqa: BLE001, S112 - whatever it is, its neighbours go on
                continue
            d.join(own)


def _may_go_on(d: Draft, x: Delivery) -> bool:
    """Return whether its call may be under way in a process that is not heard of any more."""
    return 0 <= d.now - x.marked < (x.lasts + BEGINS if x.lasts else CALL)


def _lapse(d: Draft, x: Delivery) -> None:
    """Requeue it. Before the mark nothing was sent; after it an edit is repeated, a new message looked for first."""
    x.lapsed = x.ticket  # its receipt may come yet
    x.crashes += 1
    note(d, x.operation, "lease lapsed", x.destination, "outcome unknown" if x.marked else "not sent")
    thread = d.get(Thread, x.lane)
    if x.marked and not (converges(x.kind) and thread and thread.posted):
        doubt(d, x)
    requeue(d, x, d.now)


def _held(d: Draft, entry: entries.Held) -> Delivery | None:
    """Return the delivery, if this hand-out of it still goes on."""
    x = d.get(Delivery, entry.id)
    return d.edit(Delivery, entry.id) if x and entry.ticket and x.ticket == entry.ticket else None


def _lapsed(d: Draft, entry: entries.Arrived) -> Delivery | None:
    """Return the delivery, if the hand-out lapsed and none began since: what has arrived need not be sent again."""
    x = d.get(Delivery, entry.id)
    lapsed = x and entry.ticket and not x.ticket and not x.died and x.lapsed == entry.ticket
    return d.edit(Delivery, entry.id) if lapsed else None


def _complete(d: Draft, x: Delivery, entry: entries.Arrived) -> None:
    live = converges(x.kind)
    edit = live and not entry.new
    lift_throttles(d, x, x.calls.get("edit" if edit else "new", ()))
    if live:
        record_message(d, x, entry)
    elif entry.converges:  # an outcome that was the live message until a run began
        d.edit(Thread, x.lane).done = entry.ticket
    d.count("pending", -1)
    d.count("delivered")
    note(d, x.operation, "delivered", x.destination, x.kind, x.attempts, entry.detail)
    if edit:  # the history has a row of the message; how many edits there were, and when the last was, has the thread
        d.edit(Thread, x.lane).edits += 1
    else:
        record_end(d, x, "delivered", detail=entry.detail)
        alarm_sent(d, x)
    confirm_sent(d, x)
    resume(d, x)
    if entry.baseline and x.kind == "digest":
        keep_baseline(d, x, entry.baseline)
    # A reply among the messages was one (deliveries.detach_outcome), and others may be waiting to go under it.
    leave(d, x, apart=not live and (x.kind != "reply" or x.queue != MAIN))
    forget(d, x)


def _show_present_state(d: Draft, x: Delivery, entry: entries.Arrived) -> None:
    """Show the present state in the message of an attempt whose answer was lost, which was found."""
    x.first_marked = x.last_marked = x.unknowns = x.crashes = 0
    adopt_message(d, x.lane, entry, x.seq)
    record_end(d, x, "delivered", detail=entry.detail)
    alarm_sent(d, x)
    requeue(d, x, d.now)


def _refund_slots(d: Draft, x: Delivery) -> None:
    """Give back the slots of the call that it will not make: what comes next need not wait for them."""
    for name, period, *_ in x.calls.get("new", ()):
        if d.get(Rate, name):
            d.edit(Rate, name).at -= period


def _go_on_probing(d: Draft, x: Delivery, entry: entries.Held) -> None:
    """Let the next one probe the channel: this probe is settled, and its channel has not failed again."""
    fails = isinstance(entry, entries.Failed) and any(fault.scope.startswith(CHANNEL) for fault in entry.pauses)
    if entry.probing and not fails:
        probe_again(d, x, entry.probes_in if isinstance(entry, entries.Release) else None)
