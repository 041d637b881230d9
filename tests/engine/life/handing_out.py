"""What must hold of every hand-out, told from the state before it and from what life brought so far."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from relay.domain.deliveries import Delivery
from relay.domain.events import FAILED
from relay.engine import records
from relay.engine.bundles import is_closed
from relay.engine.dead_letters import ReplayDead
from relay.engine.draft import Draft
from relay.engine.lanes import URGENCIES
from relay.engine.names import bundle
from relay.engine.pauses import LiftPauses, OperatorPause, Pause
from relay.engine.receipts import Failed, Withhold
from relay.engine.recipients import milliseconds
from relay.engine.suppressions import Suppression
from relay.engine.take import Take
from tests.engine.life.record import BUNDLES, fact_of
from tests.support.memory import Memory

if TYPE_CHECKING:
    from tests.engine.life.world import World

SLACK = 2  # ms: times are rounded


class HandOuts:
    """Looks at each answer to `Take`, and fails with what is wrong in it."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._newest: dict[tuple[str, str], int] = {}  # operation → position of its newest state
        self._spent: dict[str, list[int]] = defaultdict(list)  # limit → when it was used
        self._delayed: dict[str, tuple[int, int]] = {}  # failed delivery → until when it waits, and its newest event
        self._roots: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)  # address → lane → new live message

    def seen(self, entry: Any, memory: Memory, answer: Any) -> None:
        if isinstance(entry, Failed) and answer:
            self._delay(entry, memory)
        elif isinstance(entry, LiftPauses | ReplayDead):
            self._delayed.clear()
        elif isinstance(entry, Withhold) and answer:
            self._spent.clear()  # its slots are free again
        elif isinstance(entry, Take):
            faults = [*self._faults(entry, memory, answer.deliveries)]
            assert not faults, "; ".join(faults)

    def _faults(self, entry: Take, memory: Memory, deliveries: tuple[Delivery, ...]) -> Iterator[str]:
        if len(deliveries) > entry.most:
            yield f"{len(deliveries)} handed out, where there are places for {entry.most}"
        lanes = [delivery.lane for delivery in deliveries]
        if len(lanes) != len(set(lanes)):
            yield f"two of one lane at once: {lanes}"
        for delivery in deliveries:
            x = memory.record(records.Delivery, delivery.id)
            if x is None:  # its list was made in this step
                continue
            yield from self._of_one(entry, memory, delivery, x)
        yield from self._order(memory, deliveries, entry)

    def _of_one(self, entry: Take, memory: Memory, delivery: Delivery, x: records.Delivery) -> Iterator[str]:
        now, name = self._world.now, delivery.id
        if x.ticket:
            yield f"{name} was handed out already"
        if not x.parked and x.due > now:
            yield f"{name} is due in {x.due - now} ms"
        until, events = self._delayed.pop(name, (0, 0))
        if until > now and events == self._events(memory, x) and x.kind not in BUNDLES:
            yield f"{name} failed, and goes out {until - now} ms too early"
        for scope in self._scopes(delivery, x):
            pause = memory.record(Pause, scope)
            if pause and pause.until > now and not 0 < pause.expires <= now:
                yield f"{name} goes out while {scope} is paused for {pause.until - now} ms"
        by_hand = memory.record(OperatorPause, x.destination)
        if by_hand and (not by_hand.ends or by_hand.until > now):
            yield f"{name} goes out while people paused {x.destination}"
        yield from self._refused(delivery, memory, x)
        yield from self._held(memory, x)
        o = memory.record(records.Operation, x.operation)
        if delivery.waited and (o is None or o.taken or o.status not in FAILED or o.run != delivery.event.retry):
            yield f"{name} goes out though its failure was answered"
        hours = entry.quiet.get(x.destination) or entry.quiet.get("*")
        new = not delivery.edits and delivery.kind not in BUNDLES
        if new and hours and hours.start * 1000 <= now < hours.end * 1000 and not x.passes:
            listed = bundle(x.lane, "quiet", (x.destination, x.address), *milliseconds(hours))
            if not is_closed(Draft(memory, now), listed):  # else the clock was set back since that was sent
                yield f"{name} goes out in quiet hours"
        if delivery.kind == "live":
            yield from self._present(delivery, memory, x)
        yield from self._limits(delivery, x)
        if new and delivery.kind == "live":
            yield from self._cap(delivery, x)

    def _held(self, memory: Memory, x: records.Delivery) -> Iterator[str]:
        o, now = memory.record(records.Operation, x.operation), self._world.now
        if o is None or x.event != "operation.failed":
            return
        if any(id_ == x.name and until > now for id_, until in o.holds):
            yield f"{x.name} goes out while it is held"

    def _refused(self, delivery: Delivery, memory: Memory, x: records.Delivery) -> Iterator[str]:
        for place in (x.destination, "*"):
            kept = memory.record(Suppression, f"{place} {delivery.address.lower()}")
            if kept and not (x.passes == "2" and kept.reason == "unsubscribed"):
                yield f"{x.name} goes to {delivery.address}, which is suppressed"

    def _delay(self, entry: Failed, memory: Memory) -> None:
        x = memory.record(records.Delivery, entry.id)
        if x and not any(pause.probe for pause in entry.pauses):
            self._delayed[entry.id] = self._world.now + entry.delay, self._events(memory, x)

    def _events(self, memory: Memory, x: records.Delivery) -> int:
        o = memory.record(records.Operation, x.operation)
        return o.seq if o else 0

    def _scopes(self, delivery: Delivery, x: records.Delivery) -> Iterator[str]:
        yield f"channel:{x.channel}"
        yield f"destination:{x.destination}/{delivery.address}"
        yield f"lane:{delivery.lane}"
        for limit in x.calls["edit" if delivery.edits else "new"]:
            yield f"limit:{limit[0]}"

    def _present(self, delivery: Delivery, memory: Memory, x: records.Delivery) -> Iterator[str]:
        """A live message shows the newest state there is."""
        if x.body:
            return
        operation = memory.record(records.Operation, x.operation)
        if operation and operation.seqs:
            newest = max(operation.seqs, key=operation.seqs.__getitem__)
            if delivery.event.name != newest:
                yield f"{delivery.id} shows {delivery.event.name}, and the newest is {newest}"
        position = self._world.record.positions.get(fact_of(delivery.event), -1)
        if position < self._newest.get(fact_of(delivery.event)[:2], -1):
            yield f"{delivery.id} shows an older state than was handed out before"
        self._newest[fact_of(delivery.event)[:2]] = position

    def _limits(self, delivery: Delivery, x: records.Delivery) -> Iterator[str]:
        """Within any stretch of time no more than the burst and what has become free."""
        now = self._world.now
        for name, period, burst, _ in x.calls["edit" if delivery.edits else "new"]:
            self._spent[name] = spent = [*(at for at in self._spent[name] if now - at < 2 * period * burst), now]
            for i, since in enumerate(spent):
                most = burst + (now - since + SLACK) / period
                if len(spent) - i > most + 1:
                    yield f"{len(spent) - i} of {name} in {now - since} ms: {burst} and one in {period} ms are allowed"
                    return

    def _cap(self, delivery: Delivery, x: records.Delivery) -> Iterator[str]:
        """New messages are counted when a place is found for them, which may be a while before they leave."""
        cap, now = x.calls.get("cap"), self._world.now
        if not cap or x.attempts or x.unknowns or x.loud or self._world.settings_changed:
            return
        roots = self._roots[x.channel, delivery.address]
        roots[x.lane] = now
        for lane in [lane for lane, at in roots.items() if at <= now - cap[1]]:
            del roots[lane]
        if len(roots) > 2 * cap[0]:
            yield f"{delivery.id} is one of {len(roots)} new messages where {cap[0]} are allowed"

    def _order(self, memory: Memory, deliveries: tuple[Delivery, ...], entry: Take) -> Iterator[str]:
        """What is urgent leaves first, but for one place in eight."""
        found = [x.urgency for one in deliveries if (x := memory.record(records.Delivery, one.id))]
        places = [URGENCIES.index(urgency) for urgency in found]
        rises = sum(later < earlier for earlier, later in pairwise(places))
        if rises > 1:
            yield f"handed out in the order {found}"
