"""What reads the store for people and for the background, over the engine in memory.

Each has the surface of the class in relay.store that it stands for, which says what its questions mean.
"""

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from relay.domain.deliveries import Delivery, Digest, Target, Window
from relay.domain.events import FAILED, Event
from relay.domain.facts import NOWHERE, Space
from relay.domain.jobs import Job
from relay.domain.silences import Silence, dump
from relay.domain.silences import load as load_silence
from relay.engine import causes, entries, jobs, names, records, runs, watching
from relay.engine.handing import bundle_event
from relay.engine.known import all_of, resolved
from relay.engine.pauses import LIMIT, find
from relay.engine.state import Draft
from relay.errors import AmbiguousId, RelayError
from relay.policy.notices import Death
from relay.policy.reachability import OPERATOR, Configuration, Record, State, States, scopes, state_of
from relay.store import notes
from relay.store.bundles import BUNDLE_KINDS, Bundle
from relay.store.dead_letters import KEEP_DEAD_DAYS, DeadLetter
from relay.store.dead_pages import LOOKED as DEAD_LOOKED
from relay.store.dead_pages import DeadPage
from relay.store.dead_pages import _position as dead_position
from relay.store.destinations import HELD_BACK
from relay.store.history import FEW, MOST, HistoryPage
from relay.store.history_rows import OUTCOMES, VALUES, Ended
from relay.store.jobs import JobEnd, JobsPage
from relay.store.jobs import _position as job_position
from relay.store.ledger import Ledger
from relay.store.merging import LOOKED, Position
from relay.store.operations import FailedOperations, OperationRow, OperationsPage, _filter
from relay.store.operator_pauses import OperatorPause
from relay.store.reconciliation import SilentRun
from relay.store.runs import AWAY, PAUSE, RETENTION, DueRun, Heartbeat, Page
from relay.store.silences import MOST as MOST_SILENCES
from relay.store.silences import Reading
from relay.store.suppressions import ADDED, EVERYWHERE, Suppressed, _folded
from relay.store.timelines import Timeline
from relay.store.waiting import WaitingPage, WaitingRow, _Position
from tests.support.engine_store import EngineStore, Shared

URGENCIES = ("1", "2", "3", "")
STEP = 100  # deliveries given up in one step
BATCHES = ("batch.started", "batch.operation.completed", "batch.completed")


class Reader:
    """A question reads a draft that is thrown away."""

    def __init__(self, store: EngineStore, *, partial: bool = False, **_: Any) -> None:
        self.store = store
        self.shared = store.shared

    @property
    def d(self) -> Draft:
        return self.shared.draft()

    def step(self, entry: Any) -> Any:
        return self.shared.step(entry, self.store.settings)

    def all(self, kind: type[records.Record]) -> list[Any]:
        return [record for record in [*self.shared.memory.records.values()] if isinstance(record, kind)]


def operation_of(d: Draft, name: str) -> records.Operation:
    return d.get(records.Operation, name) or records.Operation(name)


def whose(d: Draft, name: str) -> dict[str, str]:
    """Return what rows say of the operation that they are about."""
    o = operation_of(d, name)
    return {"subject": o.subject, **{key: o.facts.get(key, "") for key in ("name", "tenant", "project", "platform")}}


def values_of(o: records.Operation) -> dict[str, str]:
    """Return an operation's values by the names that a timeline has."""
    watched = {"heard": o.heard, "moved": o.moved, "phase": o.phase, "estimate": o.estimate, "moves": o.estimate_moves,
               "deadline": o.deadline, "alarms": o.alarms}  # fmt: skip
    values: dict[str, Any] = {
        "id": o.subject, "rank": o.rank, "retry": o.run, "at": o.at, "seq": o.seq, "last": o.last, "first": o.first,
        "percentage": o.percentage, "phases": o.phases, "status": o.status, "began": o.began,
        **{f"watch:{name}": value or None for name, value in watched.items()},
        **{f"fact:{name}": value for name, value in o.facts.items()},
    }  # fmt: skip
    return {
        name: f"{value:g}" if isinstance(value, float) else str(value)
        for name, value in values.items()
        if value not in (None, "")
    }


def lines_of(line: Sequence[Any]) -> Iterator[list[Any]]:
    """Yield the lines of a story that are kept as this one."""
    at, kind, *values = line
    if kind in ("held progress", "late progress"):
        yield from notes._counted(at, kind, values)
    elif kind == "accepted" and len(values) > len(notes.ACCEPTED):
        yield [at, kind, *values[: len(notes.ACCEPTED)]]
        yield [at, "held", "", *values[len(notes.ACCEPTED) :]]
    else:
        yield [at, kind, *values]


def story_of(d: Draft, name: str) -> list[list[Any]]:
    kept = [*operation_of(d, name).tallies, *map(json.loads, d.log(records.story(name)))]
    lines = [line for row in kept for line in lines_of(row)]
    return sorted(lines, key=lambda line: int(line[0]))


class EngineSpaces:
    """Of relay.store.knowledge.Spaces."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared

    async def all(self, id_: str) -> list[dict[str, str]]:
        return all_of(self._shared.draft(), id_)

    async def resolved(self, id_: str, space: Space) -> dict[str, str]:
        return resolved(self._shared.draft(), id_, space)

    async def meant(self, subject: str, space: Space) -> tuple[str, str | None]:
        """Return the id and its space, as relay.store.timelines.Timelines."""
        meant = [facts for facts in await self.all(subject) if Space.of(facts).may_be(space)]
        if len(meant) > 1:
            raise AmbiguousId(subject, [Space.of(facts) for facts in meant])
        facts = meant[0] if meant else {}
        if original := facts.get("original"):
            first = await self.resolved(original, space.filled(Space.of(facts)))
            return original, first.get("space", "")
        if not meant and space != NOWHERE:
            return subject, None
        return subject, facts.get("space", "")

    async def named(self, subject: str, space: Space) -> tuple[str, str]:
        subject, own = await self.meant(subject, space)
        return subject, "" if own is None else names.operation(subject, own)


class EngineBundles:
    """Of relay.store.bundles.Bundles."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared

    async def event(self, bundle: str) -> Event:
        d = self._shared.draft()
        return bundle_event(d, d.get(records.Bundle, bundle) or records.Bundle(bundle))

    look = event

    async def preview(self, target: Target, window: Window) -> Event:
        d, name = self._shared.draft(), self._name(target, window)
        bundle = d.edit(records.Bundle, name)
        bundle.kind = bundle.kind or "digest"
        bundle.start, bundle.end = bundle.start or round(window.start * 1000), round(window.end * 1000)
        bundle.zone = bundle.zone or (target.how.zone if isinstance(target.how, Digest) else "UTC")
        past = d.get(records.Baseline, names.of_address(target.destination, target.address))
        if past and not bundle.baseline:
            bundle.baseline = {"last": past.last} | {
                f"{kind}:{day}": str(number)
                for day, numbers in past.days.items()
                for kind, number in zip("cf", numbers, strict=True)
            }
        return bundle_event(d, bundle)

    async def describe(self, target: Target, window: Window) -> Bundle:
        d, name = self._shared.draft(), self._name(target, window)
        bundle = d.get(records.Bundle, name)
        rows = len(d.table(records.rows(name)))
        return Bundle(target.destination, target.address, window, rows, closed=bool(bundle and bundle.closed))

    async def schedule(self, target: Target, window: Window) -> bool:
        return bool(self._shared.step(entries.ScheduleDigest(target, window)))

    async def send_now(self, target: Target, window: Window) -> bool:
        return bool(self._shared.step(entries.SendDigest(target, window)))

    @staticmethod
    def _name(target: Target, window: Window) -> str:
        place = (target.destination, target.address)
        span = (int(window.start * 1000), int(window.end * 1000))
        return names.bundle(names.home_of(target), "digest", place, *span)


class EngineCauses:
    """Of relay.store.causes.Causes."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared

    async def call(self, delivery: Delivery, called: Sequence[str]) -> tuple[str, ...]:
        if not called:
            return ()
        d = self._shared.draft()
        claimed = causes.claim_mentions(d, delivery.group, called, delivery.id, int(delivery.window * 1000))
        self._shared.memory.apply(d.changes, d.now)
        return tuple(claimed)


class EngineAdmin(Reader):
    """Of relay.store.admin.Admin."""

    async def ledger(self) -> Ledger:
        return Ledger(Counter(self.shared.memory.counts))

    async def timeline(self, subject: str, space: Space = NOWHERE) -> Timeline | None:
        subject, name = await self.store.spaces.named(subject, space)
        d = self.d
        facts, lines = values_of(operation_of(d, name)), story_of(d, name)
        return Timeline(subject, facts, lines) if facts.get("id") or lines else None

    async def events(self, subject: str, space: Space = NOWHERE) -> list[Event]:
        _, name = await self.store.spaces.named(subject, space)
        return sorted(runs.history(self.d, name), key=lambda event: event.occurred_at)

    def _places(self, channel: str = "") -> list[str]:
        places = [place for _, place in self.d.ascending(records.PARKING)]
        return [place for place in places if place.startswith(f"{channel} ")] if channel else places

    async def queued(self, channels: Sequence[str]) -> dict[str, int]:
        d = self.d
        return {
            channel: sum(d.size(records.due(channel, urgency)) for urgency in URGENCIES)
            + sum(d.size(records.parked(place)) for place in self._places(channel))
            for channel in channels
        }

    async def waiting(self, channels: Sequence[str], now: float) -> dict[str, int]:
        d = self.d

        def scheduled(channel: str) -> int:
            later = [name for due, name in d.ascending(records.due(channel, "")) if due >= now * 1000]
            found = [d.get(records.Delivery, name) for name in later]
            return sum(x is not None and x.kind in ("digest", "roundup") for x in found)

        return {channel: max(0, count - scheduled(channel)) for channel, count in (await self.queued(channels)).items()}

    async def paused(self, scopes: Sequence[str]) -> dict[str, tuple[float, str]]:
        d = self.d
        pauses = {scope: find(d, scope) for scope in scopes}
        return {scope: (pause.since / 1000, pause.reason) for scope, pause in pauses.items() if pause}

    def _throttled(self) -> list[str]:
        return [scope for _, scope in self.d.ascending(records.BROKEN) if scope.startswith(LIMIT)]

    async def throttled(self) -> dict[str, tuple[float, str]]:
        return await self.paused(self._throttled())

    async def parked(self, channels: Sequence[str], scopes: Sequence[str]) -> dict[str, int]:
        d = self.d
        return (
            {scope: sum(d.size(records.parked(f"{channel} {scope}")) for channel in channels) for scope in scopes}
            if channels
            else {}
        )

    async def oldest_due(self, channels: Sequence[str]) -> dict[str, float]:
        d = self.d
        due = {
            channel: [score for urgency in URGENCIES for score, _ in [*d.ascending(records.due(channel, urgency))][:1]]
            for channel in channels
        }
        return {channel: min(scores) / 1000 for channel, scores in due.items() if scores}

    def _unconfigured(self, configured: Collection[str]) -> list[str]:
        return sorted({name for _, name in self.d.ascending(records.CHANNELS)} - {*configured})

    async def stranded(self, configured: Collection[str]) -> dict[str, int]:
        counts = await self.queued(self._unconfigured(configured))
        return {name: count for name, count in counts.items() if count}

    def _in_steps(self, entry: Any) -> int:
        total = done = int(self.step(entry))
        while done >= STEP:
            total += (done := int(self.step(entry)))
        return total

    async def bundle_backlog(self, kept: int) -> int:
        return self._in_steps(entries.GatherParked(kept, STEP))

    async def expire_parked(self, max_age: float) -> int:
        return self._in_steps(entries.GiveUpParked(int(max_age * 1000), STEP))

    async def expire_stranded(self, configured: Collection[str], max_age: float) -> int:
        age = int(max_age * 1000)
        return sum(self._in_steps(entries.GiveUpChannel(name, age, STEP)) for name in self._unconfigured(configured))

    async def resume_all(self, scopes: Sequence[str]) -> None:
        if scopes := [*scopes, *self._throttled()]:
            self.step(entries.LiftPauses(scopes))

    async def announce(
        self,
        addresses: Mapping[str, Sequence[str]],
        aware: Collection[int] = (),
        channels: Mapping[str, str] | None = None,
    ) -> set[int]:
        if 0 not in aware:
            where = channels or {}
            self.step(entries.Announce({name: {where.get(name, ""): them} for name, them in addresses.items()}))
        return {0}

    async def removed(self, now: float) -> list[tuple[str, str]]:
        configured = self.d.get(records.Configured, "configured")
        lacking = configured.lacking if configured else {}
        places = sorted(name.partition("\0") for name, at in lacking.items() if now - at / 1000 <= HELD_BACK)
        return [(destination, address) for destination, _, address in places]

    async def present(self, destination: str, channel: str) -> str:
        configured = self.d.get(records.Configured, "configured")
        return configured.heirs.get(f"{destination}\0{channel}", "") if configured else ""

    async def unread(self) -> int:
        return 0

    async def faults(self) -> int:
        return 0  # the quarantine is a plain list in Redis

    async def quarantine_size(self) -> int:
        return 0

    async def dead(self, *, limit: int = 100) -> list[DeadLetter]:
        d = self.d
        found = [letter_of(d, name) for _, name in d.descending(records.DEAD)]
        return [letter for letter in found if letter][:limit]

    async def dead_letter(self, name: str) -> DeadLetter | None:
        return letter_of(self.d, name)

    async def deaths(self, since: float, limit: int) -> list[Death]:
        letters = [letter for letter in await self.dead(limit=limit) if letter.died_at.timestamp() >= since]
        return [
            Death(row.died_at.timestamp(), row.channel, row.destination, row.address, row.event, row.reason)
            for row in letters
        ]

    async def with_body(self, dead_letter: DeadLetter) -> DeadLetter:
        if dead_letter.kind not in BUNDLE_KINDS:
            return dead_letter
        from relay.domain.parsing import dump as dump_event

        x = self.d.get(records.Delivery, dead_letter.id)
        bundle = x.operation if x else dead_letter.id.partition("-")[0]
        return replace(dead_letter, body=dump_event(await self.store.bundles.event(bundle)).decode())

    async def replay(self, ids: Sequence[str]) -> int:
        return int(self.step(entries.ReplayDead(ids)))

    async def drop(self, ids: Sequence[str]) -> int:
        return int(self.step(entries.DropDead(ids)))

    async def expire_dead(self, now: datetime) -> int:
        oldest = int(now.timestamp() * 1000 - KEEP_DEAD_DAYS * 86_400_000)
        old = self.d.first(records.DEAD, oldest, STEP)
        return await self.drop(old) if old else 0


def letter_of(d: Draft, name: str) -> DeadLetter | None:
    x = d.get(records.Delivery, name)
    if x is None or not x.died:
        return None
    thread, body = d.get(records.Thread, x.lane), d.get(records.Body, x.body) if x.body else None
    stated = whose(d, x.operation)
    return DeadLetter(
        id=name,
        operation=stated.pop("subject"),
        title=stated.pop("name"),
        **stated,
        destination=x.destination,
        channel=x.channel,
        address=x.address,
        kind=x.kind,
        event=x.event,
        attempts=x.attempts,
        reason=x.reason,
        error=x.error,
        died_at=datetime.fromtimestamp(x.died / 1000, UTC),
        body=body.text.decode() if body else "",
        posted=bool(thread and thread.posted),
        essential=x.passes == "2",
    )


class EngineDeadPages(Reader):
    """Of relay.store.dead_pages.DeadPages."""

    async def count(self) -> int:
        return self.d.size(records.DEAD)

    async def page(
        self,
        fits: Callable[[DeadLetter], bool] = lambda _: True,
        *,
        since: float | None = None,
        until: float | None = None,
        cursor: str = "",
        limit: int = 50,
        whole: bool = True,
    ) -> DeadPage:
        d, before = self.d, dead_position(cursor) if cursor else None
        died = [
            row
            for row in d.descending(records.DEAD)
            if (since is None or row[0] >= since * 1000)
            and (until is None or row[0] < until * 1000)
            and (before is None or row < before)
        ]
        rows, looked = list[DeadLetter](), 0
        for _, name in died[:DEAD_LOOKED]:
            looked += 1
            letter = letter_of(d, name)
            if letter and fits(letter):
                rows.append(letter)
            if len(rows) == limit:
                break
        more = looked < len(died)
        last = died[looked - 1] if looked else (0, "")
        return DeadPage(
            rows,
            f"{last[0]}-{last[1]}" if more and looked else "",
            looked,
            last[0] / 1000 if more and looked and len(rows) < limit else None,
        )


class EngineHistory(Reader):
    """Of relay.store.history.History."""

    async def destinations(self) -> list[str]:
        return sorted(name for _, name in self.d.ascending(records.HISTORIES))

    def _rows(self, destinations: Sequence[str]) -> list[tuple[Position, dict[str, Any]]]:
        """Return the rows of these, newest first."""
        rows = [
            (Position(ms, seq, 0, name), dict(zip(VALUES, json.loads(line), strict=False)))
            for name in destinations
            for ms, seq, line in self.shared.memory.streams.get(records.history(name), ())
        ]
        return sorted(rows, key=lambda row: (-row[0].ms, -row[0].seq, row[0].name))

    async def last_delivered(self, destinations: Sequence[str]) -> dict[str, float]:
        last = {
            name: [at.ms / 1000 for at, row in self._rows([name])[:FEW] if row["outcome"] == "delivered"]
            for name in destinations
        }
        return {name: times[0] for name, times in last.items() if times}

    async def page(
        self,
        *,
        destination: str = "",
        outcome: str = "",
        since: float | None = None,
        until: float | None = None,
        cursor: str = "",
        limit: int = 50,
    ) -> HistoryPage:
        before = Position.load(cursor) if cursor else None
        found = [
            (at, row)
            for at, row in self._rows([destination] if destination else await self.destinations())
            if (since is None or at.ms >= since * 1000)
            and (until is None or at.ms < until * 1000)
            and (before is None or (-at.ms, -at.seq, at.name) > (-before.ms, -before.seq, before.name))
        ]
        rows, looked = list[Ended](), 0
        for at, row in found[:LOOKED]:
            looked += 1
            if row["outcome"] == (outcome or row["outcome"]):
                rows.append(self._ended(at, row))
            if len(rows) == min(limit, MOST):
                break
        more = looked < len(found)
        last = found[looked - 1][0] if more else None
        return HistoryPage(
            rows, last.dump() if last else "", looked, last.ms / 1000 if last and len(rows) < limit else None
        )

    async def of_operation(self, subject: str, space: Space = NOWHERE) -> list[Ended]:
        _, name = await self.store.spaces.named(subject, space)
        ends = {(int(line[0]), str(line[2])) for line in story_of(self.d, name) if line[1] in OUTCOMES and line[2:]}
        rows = self._rows(await self.destinations())
        return [self._ended(at, row) for at, row in rows if row["operation"] == name and (at.ms, at.name) in ends]

    def _ended(self, at: Position, row: dict[str, Any]) -> Ended:
        d, lane = self.d, row.get("lane", "")
        thread = d.get(records.Thread, lane) if lane else None
        edits = thread.edits if thread and thread.posted == at.ms else 0
        return Ended(
            **{**row, "took": row["took"] / 1000, "lane": lane},
            **whose(d, row["operation"]),
            type=operation_of(d, row["operation"]).facts.get("type", ""),
            destination=at.name,
            at=at.ms / 1000,
            copy=lane or row["id"],
            partition=0,
            edits=edits,
            edited_at=thread.touched / 1000 if thread and edits else None,
        )


class EngineOperations(Reader):
    """Of relay.store.operations.Operations."""

    def __init__(self, store: EngineStore, *, partial: bool = False, looked: int = 500) -> None:
        super().__init__(store)
        self._looked = looked

    async def page(self, *, state: str = "", text: str = "", cursor: str = "", limit: int = 50) -> OperationsPage:
        before = Position.load(cursor) if cursor else None
        stream = self.shared.memory.streams.get("operations", ())
        rows, looked, last = list[OperationRow](), 0, None
        fits = _filter(state, text)
        left = [row for row in reversed(stream) if before is None or row[:2] < before[:2]]
        for ms, seq, name in left[: self._looked]:
            looked, last = looked + 1, Position(ms, seq, 0, "")
            found = self._row(name.decode())
            if found and fits(found):
                rows.append(found)
            if len(rows) == limit:
                break
        more = last is not None and looked < len(left)
        cut = more and len(rows) < limit
        return OperationsPage(
            rows, last.dump() if last and more else "", looked, last.ms / 1000 if last and cut else None
        )

    async def failed(self, since: float, *, limit: int = 5000) -> FailedOperations:
        kept = records.KEEP_DOCUMENTS
        ended = [(at - kept, name) for at, name in self.d.descending(records.OVER) if at >= since * 1000 + kept]
        rows = [row for _, name in ended[:limit] if (row := self._row(name))]
        failed = [row for row in rows if row.status in FAILED and row.over and row.last >= since]
        cut = ended[limit - 1][0] / 1000 if len(ended) > limit else None
        return FailedOperations(sorted(failed, key=lambda row: -row.last), cut)

    async def named(self, subject: str, space: Space = NOWHERE) -> list[OperationRow]:
        meant = [facts for facts in await self.store.spaces.all(subject) if Space.of(facts).may_be(space)]
        rows = [self._row(names.operation(subject, facts.get("space", ""))) for facts in meant]
        return [row for row in rows if row]

    def _row(self, name: str) -> OperationRow | None:
        d = self.d
        o = d.get(records.Operation, name)
        if o is None or not o.subject:
            return None
        stated = {
            key: o.facts.get(key, "") for key in ("name", "type", "priority", "platform", "tenant", "project", "batch")
        }
        return OperationRow(
            operation=name,
            subject=o.subject,
            **stated,
            is_batch=any(event in o.seqs for event in BATCHES),
            status=o.status,
            percentage=o.percentage,
            phase=o.phase,
            run=o.run or 0,
            first=(o.first or 0) / 1000,
            last=o.last / 1000,
            began=o.began / 1000 if o.began else None,
            due=o.estimate / 1000 if o.estimate else None,
            over=o.rank == records.TERMINAL,
            stalled=d.score(records.STALLED, name) is not None,
        )


class EngineWaiting(Reader):
    """Of relay.store.waiting.Waiting."""

    def __init__(self, store: EngineStore, *, partial: bool = False, looked: int = 1000) -> None:
        super().__init__(store)
        self._looked = looked

    async def page(
        self,
        channels: Sequence[str],
        now: float,
        *,
        state: str = "",
        destination: str = "",
        cursor: str = "",
        limit: int = 50,
    ) -> WaitingPage:
        after = _Position.load(cursor) if cursor else None
        d = self.d
        every = [
            _Position(0, score, name, queue)
            for queue in self._queues(channels, state)
            for score, name in d.ascending(queue)
        ]
        rows, looked = list[WaitingRow](), 0
        for at in every:
            if after and (at.queue, at.score, at.id) <= (after.queue, after.score, after.id):
                continue
            looked += 1
            row = self._row(d, at.queue, at.id, at.score, now)
            if row and row.state == (state or row.state) and row.destination == (destination or row.destination):
                rows.append(row)
            if len(rows) == limit or looked == self._looked:
                return WaitingPage(rows, at.dump(), looked)
        return WaitingPage(rows, "", looked)

    async def named(self, name: str, now: float) -> WaitingRow | None:
        d = self.d
        x = d.get(records.Delivery, name)
        if x is None:
            return None
        for queue in self._queues([x.channel], ""):
            if (score := d.score(queue, name)) is not None:
                return self._row(d, queue, name, score, now)
        row = self._row(d, "", name, 0, now)
        return row and replace(row, state="dead" if x.died else "behind")

    def _queues(self, channels: Sequence[str], state: str) -> list[str]:
        due = [records.due(channel, urgency) for channel in channels for urgency in URGENCIES]
        places = [place for _, place in self.d.ascending(records.PARKING) if place.partition(" ")[0] in channels]
        parked = [records.parked(place) for place in places]
        if state not in ("", "parked"):
            return [records.FLYING] if state == "leased" else sorted(due)
        return sorted(parked if state else [*due, records.FLYING, *parked])

    def _row(self, d: Draft, queue: str, name: str, score: int, now: float) -> WaitingRow | None:
        x = d.get(records.Delivery, name)
        if x is None:
            return None
        parked, thread = queue.startswith("parked:"), d.get(records.Thread, x.lane)
        early = "retrying" if x.error else "later"
        flying = queue == records.FLYING
        state = "parked" if parked else "leased" if flying else "due" if score <= now * 1000 else early
        behind = len(thread.queues.get(records.MAIN, ())) - 1 if thread else 0
        return WaitingRow(
            id=name,
            operation=x.operation,
            destination=x.destination,
            channel=x.channel,
            address=x.address,
            kind=x.kind,
            event=x.event,
            state=state,
            due=x.due / 1000,
            created=x.created / 1000,
            attempts=x.attempts,
            error=x.error,
            pause=queue.partition(" ")[2] if parked else "",
            behind=max(0, behind),
            entries=len(d.table(records.rows(name))),
            **whose(d, x.operation),
        )


class EngineJobs(Reader):
    """Of relay.store.jobs.Jobs."""

    async def named(self, operation: str) -> Job | None:
        line = operation_of(self.d, operation).job
        return jobs.read_job(line) if line else None

    async def of(self, event: Event) -> Job | None:
        return jobs.of(self.d, event)

    async def compared(self, event: Event, job: Job) -> Event:
        return jobs.compared(self.d, event, job)

    async def ends(self, job: Job) -> tuple[Any, ...]:
        return tuple(jobs.ends(self.d, job))

    async def ends_of_each(self, listed: Sequence[Job]) -> list[tuple[Any, ...]]:
        return [await self.ends(job) for job in listed]

    async def page(self, *, cursor: str = "", limit: int = 25) -> JobsPage:
        ms, behind = job_position(cursor)
        left = [
            (at, line)
            for at, line in sorted(self.d.ascending(records.JOBS), key=lambda row: (-row[0], row[1]))
            if ms is None or (-at, line) > (-ms, behind.decode())
        ]
        rows = [JobEnd(job, at / 1000) for at, line in left[:limit] if (job := jobs.named(self.d, line))]
        last = left[min(limit, len(left)) - 1] if left else None
        return JobsPage(rows, f"{last[0]}-{last[1]}" if last and len(left) > limit else "")

    async def ended_since(self, moments: dict[int, int], limit: int) -> tuple[list[Job], bool]:
        since = moments.get(0, 0)
        rows = [(at, line) for at, line in self.d.ascending(records.JOBS) if at >= since][:limit]
        moments[0] = rows[-1][0] if rows else since
        if len(rows) == limit and rows[0][0] == rows[-1][0]:
            moments[0] += 1
        return [job for _, line in rows if (job := jobs.named(self.d, line))], len(rows) < limit

    async def missing(self) -> dict[str, bytes]:
        return dict(self.d.table(records.MISSING))

    async def forget_missing(self, operation: str) -> None:
        self.step(entries.ForgetMissing(operation))


class EngineRuns(Reader):
    """Of relay.store.runs.Runs."""

    async def tick(self, grace: float) -> Heartbeat:
        now, until, stalled, left = self.step(entries.Tick(int(AWAY * 1000), int(grace * 1000)))
        return Heartbeat(now / 1000, until / 1000, stalled, left)

    def _ticks(self) -> records.Ticks:
        return self.d.get(records.Ticks, "ticks") or records.Ticks("ticks")

    async def last_tick(self) -> float | None:
        return self._ticks().last / 1000 or None

    async def trim(self, limit: int, retention: float = RETENTION) -> int:
        return int(self.step(entries.ForgetDocuments(limit, int(retention * 1000))))

    async def report_tick(self, name: str, fault: str) -> None:
        self.step(entries.ReportTick(name, fault))

    async def failed_ticks(self) -> dict[str, tuple[float, str]]:
        failed = {name: text.partition(" ") for name, text in self._ticks().failed.items()}
        return {name: (float(at), fault) for name, (at, _, fault) in failed.items()}

    async def due(self, limit: int) -> Page:
        looked, found = self.step(entries.RunsDue(limit, int(PAUSE * 1000)))
        return Page(self.d.now / 1000, [DueRun(*row) for row in found], looked >= limit)

    async def check_again_at(self, times: Sequence[tuple[DueRun, float]]) -> None:
        self.step(entries.LookAgain([(run.operation, run.ticket, int(at * 1000)) for run, at in times]))

    async def begun(self, *, named: bool = False) -> dict[Job, list[float]]:
        return jobs.starts(self.d, named=named)

    async def history(self, operation: str) -> tuple[Event, ...]:
        return runs.history(self.d, operation)

    async def members_heard(self, history: Sequence[Event], now: float) -> float:
        return runs.last_event_of_members(self.d, history, now)


class EngineReconciliation(Reader):
    """Of relay.store.reconciliation.ReconciliationState."""

    async def turn(self, period: float) -> float | None:
        last = self.step(entries.TakeTurn(int(period * 1000)))
        return None if last is None else last / 1000

    async def finished(self, at: float) -> None:
        self.step(entries.Reconciled(int(at * 1000)))

    async def unheard(self, seconds: float, limit: int, space: Space) -> list[SilentRun]:
        d = self.d
        chosen = [name for name, _ in watching.unheard(d, int(seconds * 1000), limit, space)]
        self.step(entries.AskedPlatform(chosen))
        return [self._silent(d, name) for name in chosen]

    @staticmethod
    def _silent(d: Draft, name: str) -> SilentRun:
        o = operation_of(d, name)
        present = o.subject
        if o.run:
            present = next((event.own_id for event in reversed(runs.history(d, name)) if event.own_id), present)
        return SilentRun(present, o.percentage, o.phase)

    async def unknown(self, operations: Sequence[str], space: Space) -> list[str]:
        unknown = []
        for name in operations:
            try:
                known = (await self.store.spaces.resolved(name, space)).keys() - {"space"}
            except AmbiguousId:
                continue
            if not known:
                unknown.append(name)
        return unknown


class EngineSilences(Reader):
    """Of relay.store.silences.SilenceList."""

    async def add(self, silence: Silence) -> None:
        entry = entries.AddSilence(silence.id, dump(silence), round(silence.until * 1000), MOST_SILENCES)
        if not self.step(entry):
            raise RelayError(
                f"there are {MOST_SILENCES} silences that are not over, which is as many as there may be; end one"
            )

    async def expire(self, id_: str) -> bool:
        return self.step(entries.EndSilence(id_)) is not None

    def _kept(self, since: float) -> list[Silence]:
        kept = [(ends, id_, self.d.get(records.Silence, id_)) for ends, id_ in self.d.ascending(records.SILENCES)]
        return [load_silence(id_, it.text, ends / 1000) for ends, id_, it in kept if it and ends > since]

    async def all(self) -> list[Silence]:
        return self._kept(-1)

    async def held(self, ids: Sequence[str]) -> dict[str, int]:
        return {id_: self.d.size(records.silenced(id_)) for id_ in ids}

    async def read(self, version: str) -> Reading:
        now = f"{[*self.d.ascending(records.SILENCES)]}"
        return Reading(now, None if now == version else self._kept(self.d.now))

    async def lift(self, lifting: Sequence[tuple[str, int]]) -> None:
        """What a silence held is released in the step that ends it."""


class EngineSuppressions(Reader):
    """Of relay.store.suppressions.Suppressions."""

    async def add(self, address: str, destination: str = EVERYWHERE, *, reason: str = ADDED, detail: str = "") -> bool:
        return bool(self.step(entries.Suppress(destination, address, reason, detail[:500])))

    async def remove(self, address: str, destination: str, *, reason: str = "") -> bool:
        return bool(self.step(entries.Unsuppress(destination, address, reason)))

    async def all(self) -> list[Suppressed]:  # type: ignore[override]
        rows = [(record, *record.name.partition(" ")[::2]) for record in super().all(records.Suppression)]
        found = [
            Suppressed(
                destination, it.address or address, it.reason, it.detail, datetime.fromtimestamp(it.at / 1000, UTC)
            )
            for it, destination, address in rows
        ]
        return sorted(found, key=lambda entry: (entry.at, entry.destination, entry.address))

    async def find(self, address: str) -> list[Suppressed]:
        return [entry for entry in await self.all() if _folded(entry.address) == _folded(address)]

    async def scopes(self, address: str, destinations: Sequence[str]) -> list[str]:
        listed = {entry.destination for entry in await self.find(address)}
        return [scope for scope in dict.fromkeys([EVERYWHERE, *destinations]) if scope in listed]

    async def reason(self, destination: str, address: str) -> str:
        found = {entry.destination: entry.reason for entry in await self.find(address)}
        return found.get(destination) or found.get(EVERYWHERE, "")

    async def among(self, destination: str, addresses: Sequence[str]) -> dict[str, Suppressed]:
        listed = await self.all()
        return {
            address: entry
            for address in addresses
            for entry in listed
            if _folded(entry.address) == _folded(address) and entry.destination in (destination, EVERYWHERE)
        }


class EnginePauses(Reader):
    """Of relay.store.operator_pauses.OperatorPauses."""

    async def pause(self, destination: str, reason: str, by: str, *, seconds: float | None = None) -> None:
        ms = None if seconds is None else round(seconds * 1000)
        self.step(entries.PauseDestination(destination, ms, reason, by))

    async def resume(self, destination: str) -> bool:
        return bool(self.step(entries.ResumeDestination(destination)))

    async def all(self, now: float) -> list[OperatorPause]:  # type: ignore[override]
        d = self.d
        pauses = [(name, d.get(records.OperatorPause, name)) for _, name in d.ascending(records.PAUSED)]
        found = [
            OperatorPause(name, it.by, it.reason, it.since / 1000, it.until / 1000 if it.ends else None)
            for name, it in pauses
            if it
        ]
        return sorted((row for row in found if row.until is None or row.until > now), key=lambda row: row.destination)


class EngineReachability(Reader):
    """Of relay.store.reachability.Reachability."""

    async def states(self, config: Configuration, now: float) -> States:
        states = await self.of(scopes(config), [*config.channels])
        admin = EngineAdmin(self.store)
        for row in await EnginePauses(self.store).all(now):
            scope = f"{OPERATOR}{row.destination}"
            parked = (await admin.parked([*config.channels], [scope])).get(scope, 0)
            states[scope] = State("paused", row.since, row.reason, by=row.by, until=row.until, parked=parked)
        return states

    async def of(self, scopes: Sequence[str], channels: Sequence[str]) -> dict[str, State]:
        d = self.d
        healths = {scope: d.get(records.Health, scope) for scope in scopes}
        states = {
            scope: state_of(
                [Record(it.works / 1000, it.since / 1000, it.failed / 1000, it.cause, it.refused)] if it else []
            )
            for scope, it in healths.items()
        }
        parked = await EngineAdmin(self.store).parked(channels, [scope for scope in scopes if states[scope].fails])
        return {
            scope: replace(state, parked=parked.get(scope, 0)) if state.fails else state
            for scope, state in states.items()
        }
