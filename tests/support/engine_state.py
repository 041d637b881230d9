"""Contradictions in a state of the engine, of which no step may leave any."""

from collections import Counter

from relay.engine.records import FLYING, MAIN, REPLIES, Body, Delivery, Thread
from relay.engine.state import Record
from relay.engine.step import step
from tests.support.memory import Memory

ENGINE = step.__module__.rpartition(".")[0]  # all of which is imported with this
RECORDS = [kind for kind in Record.__subclasses__() if kind.__module__.startswith(f"{ENGINE}.")]


def contradictions(memory: Memory) -> list[str]:
    """Name what does not fit: queues and their deliveries, what is due, parked or under way, documents."""
    deliveries = {x.name: x for x in memory.records.values() if isinstance(x, Delivery)}
    threads = [record for record in memory.records.values() if isinstance(record, Thread)]
    queued = {id_ for thread in threads for ids in thread.queues.values() for id_ in ids}
    places = Counter[str]()
    for index, members in memory.indexes.items():
        if index == FLYING or index.startswith(("due:", "parked:")):
            places.update(members.scores.keys())
    return [
        *(f"{name} has a place, and is gone" for name in places.keys() - deliveries.keys()),
        *(wrong for x in deliveries.values() if (wrong := _misplaced(memory, x, places[x.name]))),
        *(f"{id_} has a role, and is gone" for t in threads for id_ in (t.waiting, t.sending) if {id_} - queued - {""}),
        *(f"{id_} is queued, and is gone" for id_ in queued - deliveries.keys()),
        *_bodies(memory, Counter(x.body for x in deliveries.values() if x.body)),
    ]  # fmt: skip


def _misplaced(memory: Memory, x: Delivery, places: int) -> str:
    thread = memory.record(Thread, x.lane) or Thread(x.lane)
    queues = [queue for queue, ids in thread.queues.items() if x.name in ids]
    if x.died:
        return f"{x.name} is dead, and in {queues}, {places}" if queues or places else ""
    if queues != [x.queue] and x.queue not in thread.behind:
        return f"{x.name} of {x.queue} is in {queues}"
    first = x.queue in queues and thread.queues[x.queue][0] == x.name
    waits = x.queue == REPLIES and not thread.posted and MAIN in thread.queues
    allowed = {0, 1} if first and waits else {int(first)}
    return "" if places in allowed else f"{x.name} has {places} places"


def _bodies(memory: Memory, users: Counter[str]) -> list[str]:
    bodies = {record.name: record.users for record in memory.records.values() if isinstance(record, Body)}
    return [f"document {name}: {bodies.get(name)}, {users[name]}" for name in bodies.keys() | users.keys()
            if bodies.get(name, 0) != users[name]]  # fmt: skip
