"""Hand-outs: deliveries of a channel that are due go to senders that have places for them.

The order is that of urgency: outcomes, stalled runs, failed phases, everything else; in each, what was due first. One
place in eight is for the oldest of all, once that has waited for long: however much is urgent, nothing waits for ever.
A delivery that was handed out stays with its sender until a receipt, a release or `Lapse`.

What is due may have nothing left to say, be for an address that is not written to, belong into a list, or wait for
something: then it leaves the heap, and nothing that is due later waits for it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from heapq import merge
from itertools import islice, takewhile
from math import ceil
from zlib import crc32

from relay.domain.deliveries import Delivery as HandedOut
from relay.domain.deliveries import Window
from relay.engine.bundles import close
from relay.engine.causes import join_cause, open_cause
from relay.engine.deliveries import converges, dead_letter, supersede
from relay.engine.draft import Draft
from relay.engine.escalations import wait_for_call
from relay.engine.handing import OF_BUNDLES, NothingLeft, delivery_of, obsolete
from relay.engine.lanes import BUNDLED, URGENCIES, join, leave, leave_queues
from relay.engine.limits import Waits, probe, scopes_of, spend
from relay.engine.lists import Hours, divert, over_request_limit, readdress, spend_request
from relay.engine.parking import UNREADABLE, keep_from_removed, park, reopen
from relay.engine.pauses import paused_until
from relay.engine.receipts import delay_after
from relay.engine.recipients import ESSENTIAL, milliseconds
from relay.engine.records import FLYING, HELD, PARKING, REPLIES, Delivery, Operation, Thread, due
from relay.engine.state import NotLoaded
from relay.engine.suppressions import suppressed
from relay.errors import relay_line
from relay.policy.retry import GIVE_UP_AFTER

PARKED_FROM = 1000  # ms: a shorter pause is waited for in the queue
OLDEST = 8  # one place in so many is for the oldest,
STARVED = 10_000  # ms: once that has waited for so long
SCAN, NEWEST = 200, 50  # of an urgency so many are looked at closely, and so many of these are the newest
MANY = 500  # so many are parked without a close look: a hand-out stays quick
MAX_UNREADABLE = 8  # so often it could not be read
FORGOTTEN = "its content was forgotten 30 days after the last event"
CRASHED = "it was handed out {} times, and each time its process died"


@dataclass(frozen=True, slots=True)
class Taken:
    """Deliveries to compose, and the seconds until the next one is due (None: nothing waits for a time)."""

    deliveries: tuple[HandedOut, ...] = ()
    next_due: float | None = None


@dataclass(frozen=True, slots=True)
class Take:
    """Hand out up to `most` due deliveries of a channel. Answer: `Taken`.

    quiet   destination (`*`: all that are not named) → its quiet hours at hand
    ticket  names this hand-out, in all processes and for ever; each delivery's is "<ticket>:<its id>"
    """

    channel: str
    most: int
    ticket: str
    quiet: Mapping[str, Window] = field(default_factory=dict)

    def decide(self, d: Draft) -> Taken:
        reopen(d)
        hand_out = HandOut(d, self)
        hand_out.take_oldest()
        for urgency in URGENCIES:
            hand_out.take_urgent(urgency)
        if hand_out.missing:
            first, *others = hand_out.missing
            first.others = others
            raise first
        return Taken(tuple(hand_out.taken), _next_due(d, self.channel))


def _next_due(d: Draft, channel: str) -> float | None:
    """Return the seconds until the next delivery is due, or a place that waits is to be looked at."""
    indexes = [*(due(channel, urgency) for urgency in URGENCIES), PARKING]
    firsts = [first[0] for index in indexes if (first := next(d.ascending(index), None))]
    return max(0, min(firsts) - d.now) / 1000 if firsts else None


@dataclass
class HandOut:
    """One hand-out, with what was decided in it so far.

    `missing`: what has to be read first, of all that was looked at, so that a step is not run again for each.
    """

    d: Draft
    entry: Take
    taken: list[HandedOut] = field(default_factory=list)
    waits: Waits = field(default_factory=Waits)
    missing: list[NotLoaded] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.quiet: dict[str, Hours] = {name: milliseconds(window) for name, window in self.entry.quiet.items()}

    def take_oldest(self) -> None:
        """Hand out the oldest that have waited for long: one place in eight is theirs, where places are scarce.

        Of fewer than eight places the ticket decides whether one is for that.
        """
        most, indexes = self.entry.most, [due(self.entry.channel, urgency) for urgency in URGENCIES]
        places = most // OLDEST + (crc32(self.entry.ticket.encode()) % OLDEST < most % OLDEST)
        if not places or sum(1 for index in indexes for _ in islice(self._due(index), most + 1)) <= most:
            return
        starved = merge(*(((*row, index) for row in self._due(index, STARVED)) for index in indexes))
        for _, name, index in [*islice(starved, NEWEST)]:
            if len(self.taken) < places:
                self._decide(index, name)

    def take_urgent(self, urgency: str) -> None:
        index = due(self.entry.channel, urgency)
        if len(self.taken) < self.entry.most:
            for name in self._candidates(index):
                if len(self.taken) >= self.entry.most:
                    break
                self._decide(index, name)

    def _due(self, index: str, since: int = 0) -> Iterator[tuple[int, str]]:
        until = self.d.now - since
        return takewhile(lambda row: row[0] <= until, self.d.ascending(index))

    def _candidates(self, index: str) -> Iterator[str]:
        """Yield what is looked at closely.

        Where more is due than that, what waits for something broken is parked without a close look, which it gets when
        it comes back: all of it has left the heap in a moment, and the newest, behind it, need not wait.
        """
        names = (name for _, name in islice(self._due(index), MANY))
        if not self._is_crowded(index):
            yield from names
            return
        yield from islice((name for name in names if not self._park(index, name)), SCAN - NEWEST)
        yield from islice((name for at, name in self.d.descending(index) if at <= self.d.now), NEWEST)

    def _is_crowded(self, index: str) -> bool:
        """Return whether more is due than is looked at closely."""
        last = next(islice(self.d.ascending(index), SCAN, None), None)
        return last is not None and last[0] <= self.d.now

    def _park(self, index: str, name: str) -> bool:
        """Park it where it waits for something broken. What may be listed for quiet hours is not parked instead.

        Whether a live message would be an edit, and so which limits hold, is left to the close look.
        """
        d = self.d
        try:
            x = d.get(Delivery, name)
            if x is None or self._hours(x) or index != due(x.channel, x.urgency):
                return False
            limits = [] if converges(x.kind) else x.calls["new"]
            waits = ((scope, until) for scope in scopes_of(x, limits) if (until := paused_until(d, scope)) > d.now)
            scope, until = next(waits, ("", 0))
        except NotLoaded as missing:
            self.missing += [missing, *missing.others]
            return True
        except Exception:  # noqa: BLE001 - the close look says what becomes of it
            return False
        if until - d.now <= PARKED_FROM:
            return False
        park(d, d.edit(Delivery, name), scope, x.created, until)
        return True

    def _hours(self, x: Delivery) -> Hours | None:
        hours = self.quiet.get(x.destination) or self.quiet.get("*")
        return hours if hours and hours[0] <= self.d.now < hours[1] else None

    def _decide(self, index: str, name: str) -> None:
        """Decide on a draft of its own, so that what fails for one delivery changes nothing for its neighbours."""
        at = self.d.score(index, name)
        if at is None or at > self.d.now:  # what was decided before took it out
            return
        d, handed_out = Draft(self.d, self.d.now, self.d.settings), None
        try:
            handed_out = self._handed_out(d, index, name)
        except NotLoaded as missing:
            self.missing += [missing, *missing.others]
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, its neighbours are delivered
            d = Draft(self.d, self.d.now)
            _put_off(d, index, name, error)
        self.d.join(d)
        if handed_out:
            self.taken.append(handed_out)

    def _handed_out(self, d: Draft, index: str, name: str) -> HandedOut | None:
        delivery = d.get(Delivery, name)
        if delivery is None or delivery.ticket or delivery.died:
            d.take_out(index, name)
            return None
        x = d.edit(Delivery, name)
        if x.queue == HELD and not _end_hold(d, x):
            return None
        if _ends(d, x) or keep_from_removed(d, x):
            return None
        edit = converges(x.kind) and d.look(Thread, x.lane).posted > 0
        if divert(d, x, self._hours(x), edit=edit) or join_cause(d, x, edit=edit):
            return None
        if over_request_limit(d, x, edit=edit):
            return None
        if (called := wait_for_call(d, x)) > 0:
            _postpone(d, x, called)
            return None
        limits = x.calls["edit" if edit else "new"]
        wait, scope = self.waits.wait(d, x, limits)
        if scope and wait > PARKED_FROM:
            park(d, x, scope, x.created, ceil(d.now + wait))
            return None
        if wait > 0:
            _postpone(d, x, wait)
            return None
        return self._hand_out(d, x, edit=edit)

    def _hand_out(self, d: Draft, x: Delivery, *, edit: bool) -> HandedOut | None:
        if x.kind in BUNDLED:
            close(d, x.name)
        x.ticket, x.marked, x.lapsed = f"{self.entry.ticket}:{x.name}", 0, ""
        try:
            handed_out = delivery_of(d, x)
        except NothingLeft:
            dead_letter(d, x, "expired", FORGOTTEN)
            return None
        limits = x.calls["edit" if edit else "new"]
        spend(d, limits)
        probe(d, x, limits)
        open_cause(d, x, edit=edit)
        spend_request(d, x, edit=edit)
        if converges(x.kind):
            thread = d.edit(Thread, x.lane)
            if o := None if x.kind in OF_BUNDLES else d.get(Operation, x.operation):
                x.seq = o.seq
            thread.sending, thread.waiting, thread.shown, thread.shown_seq = x.name, "", x.event, x.seq
        leave_queues(d, x)
        d.place(FLYING, x.name, d.now)
        return handed_out


def _end_hold(d: Draft, x: Delivery) -> bool:
    """Its run was not begun anew: it is a reply like any other now. Return whether its turn has come."""
    leave_queues(d, x)
    leave(d, x, has_replies=False)
    x.queue = REPLIES
    join(d, x)
    return d.score(due(x.channel, x.urgency), x.name) is not None


def _ends(d: Draft, x: Delivery) -> bool:
    """End it if its address is suppressed, it has nothing left to say, or failed or was handed out too often."""
    if x.unreadable and x.crashes >= MAX_UNREADABLE:
        dead_letter(d, x, "unreadable", x.error)
        return True
    why = suppressed(d, x.destination, x.address, essential=x.passes == ESSENTIAL)
    if why and x.kind == "roundup" and readdress(d, x):
        why = ""
    why = why or obsolete(d, x, d.look(Thread, x.lane))
    if why:
        if x.kind in BUNDLED:
            close(d, x.name)
        supersede(d, x, why)
    elif not x.unreadable and sum(map(delay_after, range(1, x.crashes + 1))) > GIVE_UP_AFTER * 1000:
        dead_letter(d, x, "worker_crashed", CRASHED.format(x.crashes))
    return bool(why or x.died)


def _postpone(d: Draft, x: Delivery, ms: float) -> None:
    x.due = ceil(d.now + ms)
    d.place(due(x.channel, x.urgency), x.name, x.due)


def _put_off(d: Draft, index: str, name: str, error: Exception) -> None:
    """Try it again later, until that failed too often; one whose own record is damaged waits as it is."""
    d.place(index, name, d.now + UNREADABLE)
    if not d.get_all(Delivery, [name]):
        return
    x = d.edit(Delivery, name)
    x.due = d.now + UNREADABLE
    x.crashes = x.crashes + 1 if x.unreadable else 1
    x.error, x.unreadable = f"{type(error).__name__} at {relay_line(error)}", True
