"""The audit trail: a bounded stream. An act is recorded before it is done, and again with its outcome.

So no act is without its entry. A crash in between leaves one whose outcome is not known: the act may have happened.
What is refused is in the log alone (`say`): however often strangers bring it about, it displaces nothing.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import structlog

from relay import metrics
from relay.errors import StoreUnavailable
from relay.store.plain import Plain, dumped
from relay.store.queries.paging import Page, Position, Row, lines, page_of
from relay.store.queries.reader import Stretch, readable

AUDIT = "audit"
KEPT = 20_000  # rows, about: two for most acts
KEEP_DAYS = 90
LOOKED, READ = 2000, 200  # rows that one page looks at, and that are read at once
LASTS = 60_000  # ms from the beginning of an act in which its end is looked for on an earlier page
LONGEST = 200  # characters of a value
# The first words of what people do, as metrics call it.
DEEDS = {
    *("dead", "quarantine", "suppressed", "silence", "destination", "console", "digest", "send", "test-send"),
    *("reload", "press", "unsubscribe", "resubscribe"),
}
SAID = ("event", "actor", "action", "subject", "outcome", "address")  # what each line in the log says
COMMAND = "command"  # how an act of a command comes

log = structlog.get_logger(__name__)


@dataclass
class Act:
    """Something that is done to relay. What came of it is '' until that is known."""

    actor: str
    action: str
    subject: str = ""
    detail: Mapping[str, str] = field(default_factory=dict)
    outcome: str = ""
    address: str = ""  # whose it is about; the log has its domain alone


@dataclass(kw_only=True)
class AuditEntry(Act):
    id: str
    at: datetime


class AuditTrail:
    """Every failure is StoreUnavailable."""

    def __init__(self, plain: Plain) -> None:
        self._plain = plain

    @asynccontextmanager
    async def act(self, act: Act) -> AsyncIterator[Act]:
        """Done inside. StoreUnavailable before it has begun, and nothing after: what was done stays done."""
        first = await self.note(act)
        try:
            yield act
        except BaseException as error:  # an interruption too: how far it had got is not known
            act.outcome = f"failed: {type(error).__name__}"
            raise
        finally:
            await self.end(first, act)

    async def note(self, act: Act, *, of: str = "") -> str:
        """Write it down before it is done, or with its outcome. `of`: the row that this one ends. Return its own id."""
        row = asdict(act)
        detail = {key: _short(value) for key, value in row.pop("detail").items()}
        texts = {key: _short(value) for key, value in row.items() if value}
        content = dumped({**texts, "detail": detail, **({"of": of} if of else {})})
        # Dropping dead letters, for instance, is what a full Redis needs.
        row_id = await self._plain.do_although_full("XADD", AUDIT, "MAXLEN", "~", KEPT, "*", "r", content)
        return str(row_id.decode())

    async def end(self, first: str, act: Act) -> None:
        """Record the outcome, also in the log. A store that is away costs the outcome, never the act."""
        act.outcome = act.outcome or "done"
        say(act)
        with suppress(StoreUnavailable):
            await self.note(act, of=first)

    async def page(
        self, fits: Callable[[AuditEntry], bool], *, since: float = 0.0, cursor: str = "", limit: int = 50
    ) -> Page[AuditEntry]:
        """The newest acts since then (seconds since the epoch) that are `fits`, each once, with what came of it.

        However long the stream is, few of their rows are read. ValueError for a cursor that no page gave.
        """
        behind = Position.load(cursor)
        ended: dict[str, dict[str, Any]] = {}  # what came of acts, by their first rows

        def entry_of(row: Row) -> AuditEntry | None:
            (ms, number, _), act = row.position, json.loads(row.content)
            if first := act.pop("of", ""):
                ended[first] = act
                return None
            id_, at = f"{ms}-{number}", datetime.fromtimestamp(ms / 1000, UTC)
            entry = AuditEntry(**act | ended.get(id_, {}), id=id_, at=at)
            return entry if fits(entry) else None

        async def read(rows: Sequence[Row]) -> list[AuditEntry | None]:
            return [readable(AUDIT, entry_of, row) for row in rows]

        if behind:  # the end of an act that lasted may be on the page before
            [near] = await self._plain.lines([Stretch(AUDIT, LOOKED, behind.ms, (behind.ms + LASTS, 0))])
            await read([Row(Position(ms, number, ""), content) for ms, number, content in near])
        source = lines(self._plain.lines, AUDIT, [""], READ, since=since, behind=behind)
        return await page_of(source, read, limit=limit, looked=LOOKED, step=READ)

    async def trim(self, now: float) -> None:
        """Forget what is older than 90 days."""
        oldest = int((now - KEEP_DAYS * 86_400) * 1000)
        await self._plain.do(("XTRIM", AUDIT, "MINID", "~", oldest))


class Notes:
    """For what cannot wait, such as a reload: it is logged at once, and written down when the store takes it."""

    def __init__(self, trail: AuditTrail, pause: float = 1.0) -> None:
        """`pause` is in seconds, between two tries."""
        self._trail = trail
        self._pause = pause
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, act: Act) -> None:
        say(act)
        self._start(self._add(act))

    def end(self, first: str, act: Act) -> None:
        """`AuditTrail.end`, beside the answer to a request."""
        self._start(self._trail.end(first, act))

    def _start(self, writing: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(writing)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def aclose(self, grace: float = 1.0) -> None:
        """Rows that are not written after so many seconds are in the log alone."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=grace)
            for task in late:
                task.cancel()

    async def _add(self, act: Act) -> None:
        while True:
            try:
                await self._trail.note(act)
            except StoreUnavailable:
                await asyncio.sleep(self._pause)
            else:
                return


def say(act: Act) -> None:
    """The log's line of it, without what only Redis may hold: whose address it was. It counts here, too."""
    deed = act.action.partition(" ")[0]
    metrics.acts.labels(deed if deed in DEEDS else "other").inc()
    address = {"address": f"…{act.address[act.address.rfind('@') :]}"} if "@" in act.address else {}
    # A filter by event, for instance, would be taken for the line's own.
    detail = {f"of_{name}" if name in SAID else name: value for name, value in act.detail.items()}
    log.info("audit", actor=act.actor, action=act.action, subject=act.subject, outcome=act.outcome, **address, **detail)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
