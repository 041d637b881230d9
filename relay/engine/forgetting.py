"""Runs that ended three days ago are forgotten but for their order, facts and ids, and the end of their story."""

from typing import Any

from pydantic_core import to_json

from relay.engine import records
from relay.engine.entries import ForgetDocuments, Settings
from relay.engine.names import DIGEST
from relay.engine.records import (
    DAY,
    KEEP_DOCUMENTS,
    OVER,
    TERMINAL,
    Operation,
    Thread,
    identities,
    story,
)
from relay.engine.state import Draft, Record

STORY_LEFT = 6  # lines
HOUR = 3_600_000
KEEP_DEAD = 30 * DAY  # a dead letter may be delivered again from the documents
COURSE = (
    "summary", "job", "seqs", "stated", "tallies", "gates", "lanes", "holds", "dead", "heard", "moved", "gaps", "phase",
    "estimate", "newest_estimate", "planned", "estimate_moves", "deadline", "alarms", "asked",
)  # fmt: skip
OF_THREADS = ("standing", "interval", "shown", "shown_seq", "done", "calls_people", "healed", "first_failed", "touched")


def documents(d: Draft, entry: ForgetDocuments, _: Settings) -> int:
    """Answer how many runs were due."""
    left = max(entry.retention - KEEP_DOCUMENTS, DAY)
    operations = d.first(OVER, d.now, entry.most)
    for operation in operations:
        if not d.apart(_forget, operation, left):
            d.place(OVER, operation, d.now + HOUR)  # it cannot be read
    return len(operations)


def _forget(d: Draft, operation: str, left: int) -> bool:
    """Forget the course of a run that is over; keep the rest for `left` ms."""
    known = d.get(Operation, operation)
    over = known is not None and known.rank == TERMINAL
    if known and over and (until := _needed_until(d, known)):
        d.place(OVER, operation, until)
        return True
    d.take_out(OVER, operation)
    if not over:
        return True
    o = d.edit(Operation, operation)
    for lane in o.lanes:
        if d.get(Thread, lane):
            thread = d.edit(Thread, lane)
            _reset(thread, OF_THREADS)
            thread.retained = left
    _move_ids(d, o, left)
    _close_story(d, o, left)
    d.clear(records.documents(operation))
    _reset(o, COURSE)
    o.retained = left
    return True


def _needed_until(d: Draft, o: Operation) -> int:
    """Return until when (ms) a delivery, waiting or dead, may still be made from the documents; 0: none is."""
    if o.dead and d.now - o.dead < KEEP_DEAD:
        return o.dead + KEEP_DEAD
    threads = (d.get(Thread, lane) for lane in o.lanes)
    return d.now + DAY if any(thread and any(thread.queues.values()) for thread in threads) else 0


def _move_ids(d: Draft, o: Operation, left: int) -> None:
    """Set the digests beside the record, as those of a long run are."""
    for place in range(0, len(o.ids), DIGEST):
        d.put(identities(o.name), o.ids[place : place + DIGEST], b"", kept=left)
    if o.many:
        d.keep(identities(o.name), left)
    o.ids, o.many = "", True


def _close_story(d: Draft, o: Operation, left: int) -> None:
    for line in o.tallies:
        d.append(story(o.name), to_json(line), most=STORY_LEFT, kept=left)
    d.cut(story(o.name), most=STORY_LEFT, kept=left)


def _reset(record: Record, fields: tuple[str, ...]) -> None:
    fresh: dict[str, Any] = vars(type(record)(record.name))
    for name in fields:
        setattr(record, name, fresh[name])
