"""Reports of a known outcome, which may say more of it; and what becomes of an outcome when its run begins again."""

from collections.abc import Sequence

from relay.domain.deliveries import Digest, Window
from relay.engine import names
from relay.engine.arrival import OUTCOMES, Arrival
from relay.engine.bodies import keep_document
from relay.engine.bundles import add_row, is_closed, move_to_bundle
from relay.engine.deliveries import create, delivery_for, detach_outcome
from relay.engine.draft import Draft
from relay.engine.lanes import beside, make_due
from relay.engine.ledger import note
from relay.engine.order import update_summary
from relay.engine.recipients import Recipient, milliseconds
from relay.engine.records import TERMINAL, Body, Delivery, Operation, Thread, Was, documents, rows
from relay.engine.suppressions import suppressed

Known = dict[str, tuple[bytes, int]]  # outcome → its document and number
COMPLETED = "operation.completed"
FEW_SOURCES = 4
FILES_WITHIN = 10_000  # ms that a message about a completion waits for its files
IN_A_ROW = 2  # failures in a row that are held: of what fails again and again people are to hear


def adds(o: Operation, a: Arrival, was: Was) -> bool:
    """Return whether another report of a known outcome states more than the first one did."""
    stated = o.stated.get(a.name)
    if not a.stated or stated is None or was.rank != TERMINAL or a.run != was.run:
        return False
    return any(word not in stated for word in a.stated)


def complete(d: Draft, o: Operation, a: Arrival) -> bool:
    """Replace a known outcome by one with what another report of it added.

    False if a third report was put together with it meanwhile, and this one lacks a part that it added. Fields are not
    compared: of many fields not all are listed.
    """
    if any(word not in a.stated for word in o.stated[a.name] if "." not in word):
        return False
    keep_document(d, o, a, again=True)
    o.stated[a.name] = a.stated
    for name, value in a.facts.items():
        o.facts.setdefault(name, value)
    if all(o.seqs.get(other, 0) <= o.seqs.get(a.name, 0) for other in OUTCOMES):
        update_summary(o, a)
    note(d, o.name, "completed", a.name, a.sender)
    return True


def record_source(d: Draft, o: Operation, a: Arrival) -> None:
    """Remember which sources report the operation, of those that may bring its files."""
    source = a.event.source
    if not d.settings.brings_files(source):
        return
    if source not in o.sources and len(o.sources) < FEW_SOURCES and not (a.watch or a.action):
        d.edit(Operation, o.name).sources.append(source)


def wait_for_files(o: Operation, a: Arrival, x: Delivery) -> None:
    """Let a message about a completion wait for files that it does not state, where another source reports the run too.

    A registered webhook is often a moment before the callback with the results. A message that is not edited later
    would never have them.
    """
    lacks_files = a.event.status == "Completed" and not a.event.results.get("artifacts")
    if a.name == COMPLETED and lacks_files and set(o.sources) - {a.event.source}:
        x.due += FILES_WITHIN
        o.awaiting[x.name] = a.event.source


def end_wait(d: Draft, o: Operation, a: Arrival) -> None:
    """Let what waits for files go, where another source has reported the completion as well, or it has its files.

    So it does before another outcome, or the next run, which would overtake it.
    """
    if not o.awaiting:
        return
    again = a.name == COMPLETED and a.run == o.run and not a.event.results.get("artifacts")
    ended = [name for name, source in o.awaiting.items() if not (again and source == a.event.source)]
    if not ended:
        return
    o = d.edit(Operation, o.name)
    for name in ended:
        del o.awaiting[name]
        x = d.get(Delivery, name)
        if x and not (x.ticket or x.attempts or x.parked or x.died) and x.due > d.now:
            make_due(d, d.edit(Delivery, name), d.now)


def refresh(d: Draft, o: Operation, a: Arrival) -> None:
    """Bring posted messages up to date; what waits shows it when it is sent. Nothing new is posted."""
    for r in a.recipients:
        _refresh_message(d, o, a, r)
        if isinstance(r.target.how, Digest):
            _refresh_rows(d, a, r, r.target.how.windows)


def _refresh_message(d: Draft, o: Operation, a: Arrival, r: Recipient) -> None:
    thread = d.get(Thread, r.lane)
    if not r.live or thread is None:
        return
    if thread.waiting:
        d.edit(Delivery, thread.waiting).lapsed = ""  # a late receipt is of an older state than this
    elif (thread.sending or thread.posted) and not suppressed(d, r.target.destination, r.target.address):
        # Numbered: a delivery of the event's own id may be under way.
        thread = d.edit(Thread, r.lane)
        thread.additions += 1
        addition = delivery_for(d, a, r, o.seq, "live")
        addition.name = f"{r.id}-addition-{thread.additions}"
        create(d, addition)
        note(d, o.name, "queued", r.target.destination, r.target.address)


def _refresh_rows(d: Draft, a: Arrival, r: Recipient, windows: Sequence[Window]) -> None:
    place = r.target.destination, r.target.address
    for window in windows:
        name = names.bundle(r.lane, "digest", place, *milliseconds(window))
        if not is_closed(d, name) and d.field(rows(name), a.operation) is not None:
            add_row(d, name, a.operation)


def begin_again(d: Draft, o: Operation, a: Arrival) -> Known:
    """A new run begins: outcomes of the one before that were not posted yet become messages of their own."""
    read: Known = {}
    for name in OUTCOMES:
        if name in o.seqs and (text := d.field(documents(o.name), name)) is not None:
            read[name] = text, o.seqs[name]
    healed = heal(d, o, a.run)
    for lane in o.lanes:
        _detach(d, o, lane, read, healed=lane in healed)
    return read


def _detach(d: Draft, o: Operation, lane: str, read: Known, *, healed: bool) -> None:
    """Give an outcome that waits, or is dead, a message of its own; it would vanish with the run that it ended.

    What is under way keeps what it shows, and becomes one if it does not arrive.
    """
    replies = _set_replies_apart(d, o, lane)
    thread = d.get(Thread, lane)
    if thread is None or thread.posted:
        return
    thread = d.edit(Thread, lane)
    # What the message would have called people to was of this run, and whatever is left of that says it.
    thread.calls_people = ""
    # One of them is enough: an addition or a repair may wait behind what shows it. What healed needs none.
    done = "operation.failed" if healed else ""
    for role, id_ in (("sending", thread.sending), ("waiting", thread.waiting), ("dead", thread.dead)):
        x = d.get(Delivery, id_) if id_ else None
        if x is None or x.urgency != "1" or x.body or x.event == done or x.event not in read:
            continue
        text, seq = read[x.event]
        if (x.event, seq) in replies:
            continue
        done = x.event
        body = d.edit(Body, x.name)
        body.text, body.users = text, 1
        x = d.edit(Delivery, id_)
        x.body = x.name
        if thread.shown_seq < seq:  # what may have arrived showed an older state, and not this outcome
            x.unknowns = x.first_marked = x.last_marked = 0
        if role != "sending":
            detach_outcome(d, x)
        if role == "waiting":
            d.edit(Thread, lane).waiting = ""


def _set_replies_apart(d: Draft, o: Operation, lane: str) -> set[tuple[str, int]]:
    """Mark its replies that wait beside the message as of this run; return which outcomes they report.

    Replies of other operations wait there as well, in a batch's thread or for a common cause.
    """
    reported = set()
    for reply in beside(d, lane):
        if reply.operation == o.name:
            reported.add((reply.event, reply.seq))
            if reply.ended is None:
                d.edit(Delivery, reply.name).ended = o.seq
    return reported


def held_until(d: Draft, r: Recipient, run: int) -> int:
    """Return until when a failure of this run is held; 0 if not at all."""
    if not r.target.hold:
        return 0
    healing, failures = _in_a_row(d, r.lane)
    return 0 if healing == run and failures >= IN_A_ROW else d.now + round(r.target.hold * 1000)


def hold(o: Operation, delivery: str, until: int) -> None:
    """Remember a held delivery: the next run finds it by that."""
    o.holds.append((delivery, until))


def heal(d: Draft, o: Operation, run: int) -> set[str]:
    """Drop what is held of the failure before; return its lanes, in which the end of this run says what was wrong."""
    holds, o.holds = o.holds, []
    healed = set()
    for name, until in holds:
        x = d.get(Delivery, name)
        if x is None or d.now >= until or x.ticket or x.attempts or x.died:
            continue  # people hear of it, or it is about to be sent
        healing, failures = _in_a_row(d, x.lane)
        thread = d.edit(Thread, x.lane)
        thread.healed = (run, failures + 1 if healing == o.run else 1, x.error_line)
        if x.kind == "live":
            thread.calls_people = ""
        move_to_bundle(d, d.edit(Delivery, name), "healed")
        healed.add(x.lane)
    return healed


def _in_a_row(d: Draft, lane: str) -> tuple[int | None, int]:
    """Return which run makes a failure good, and how many in a row were held by then."""
    healed = d.look(Thread, lane).healed
    return healed[:2] if healed else (None, 0)
