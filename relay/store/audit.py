"""The audit trail: two bounded streams. An act is recorded before it is done, and again with its outcome.

So no act is without its entry. A crash in between leaves one whose outcome is not known: the act may have happened.
What strangers can bring about, however often, has a stream of its own, so that it cannot push out the rest.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import structlog
from redis.asyncio import Redis

from relay import metrics
from relay.errors import StoreUnavailable, Unsealable
from relay.store import keys
from relay.store.client import call, write, write_although_full
from relay.store.sealing import AUDIT, Sealer, Values

KEPT = 20_000  # rows of each stream, about: two for most acts
KEEP_DAYS = 90
PAGE = 500
CLEAR = "not authentic: written without redis.encryption_key"
NEXT = 100  # rows in which the end of an act is looked for
LONGEST = 200  # characters of a value
# The first words of what people do, as metrics call it: a row may be another release's.
DEEDS = (
    "dead",
    "quarantine",
    "suppressed",
    "silence",
    "destination",
    "console",
    "keys",
    "digest",
    "send",
    "test-send",
    "reload",
    "press",
    "unsubscribe",
    "resubscribe",
)
SAID = ("event", "actor", "action", "subject", "outcome", "address")  # what each line in the log says
COMMAND = "command"  # who writes is a command, and no relay with a log

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
    """An act as it was written down."""

    id: str
    at: datetime
    via: str


class AuditTrail:
    """Every failure is StoreUnavailable."""

    def __init__(self, redis: Redis, sealer: Sealer | None = None, *, via: str = "relay") -> None:
        self._redis = redis
        self._values = Values(AUDIT, sealer)
        self._via = via

    @asynccontextmanager
    async def act(self, act: Act, *, stranger: bool = False) -> AsyncIterator[Act]:
        """Done inside. StoreUnavailable before it has begun, and nothing after: what was done stays done."""
        first = await self.note(act, stranger=stranger)
        try:
            yield act
        except BaseException as error:  # an interruption too: how far it had got is not known
            act.outcome = f"failed: {type(error).__name__}"
            raise
        finally:
            await self.end(first, act, stranger=stranger)

    async def note(self, act: Act, *, of: str = "", stranger: bool = False) -> str:
        """Write it down before it is done, or with its outcome. `of`: the row that this one ends. Return its own id."""
        row = {
            "actor": _short(act.actor),
            "action": act.action,
            "subject": _short(act.subject),
            "address": _short(act.address),
            "detail": json.dumps({name: _short(value) for name, value in act.detail.items()}, ensure_ascii=False),
            "outcome": _short(act.outcome),
        }
        name = keys.AUDIT_STRANGERS if stranger else keys.AUDIT
        fields: dict[Any, Any] = {key: value.encode("utf-8", "replace") for key, value in row.items() if value}
        if self._values.sealer:
            fields = {"sealed": sealed_row(self._values, name, row)}
        fields |= {"via": self._via, **({"over": 1} if act.outcome else {}), **({"of": of} if of else {})}
        values = [value for pair in fields.items() for value in pair]
        # Dropping dead letters, for instance, is what a full Redis needs.
        row_id = await write_although_full(self._redis, name, "XADD", "MAXLEN", "~", KEPT, "*", *values)
        return str(row_id.decode())

    async def end(self, first: str, act: Act, *, stranger: bool = False) -> None:
        """Record the outcome, also in the log. A store that is away costs the outcome, never the act."""
        act.outcome = act.outcome or "done"
        if self._via != COMMAND:
            say(act)
        with suppress(StoreUnavailable):
            await self.note(act, of=first, stranger=stranger)

    async def before(self, name: str, end: str, start: str, count: int) -> list[tuple[bytes, Mapping[bytes, bytes]]]:
        """So many rows of this stream from `end` back to `start`, as XREVRANGE takes them."""
        return [
            (id_, self._opened(name, row)) for id_, row in await call(self._redis.xrevrange(name, end, start, count))
        ]

    async def ends(self, unfinished: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Mapping[bytes, bytes]]:
        """Return the outcomes by stream and id of the row that begins each act; of those that ended within 100 rows."""
        async with self._redis.pipeline(transaction=False) as pipeline:
            for name, first in unfinished:
                pipeline.xrange(name, f"({first}", "+", count=NEXT)
            answers = await call(pipeline.execute()) if unfinished else []
        return {
            (name, first): opened_row
            for (name, first), rows in zip(unfinished, answers, strict=True)
            for _, row in rows
            if row.get(b"of") == first.encode() and b"of" in (opened_row := self._opened(name, row))
        }

    async def unlogged(self) -> tuple[list[AuditEntry], str]:
        """The ended acts of commands since `logged` was called last, and the last row that was read; '' for none.

        The standard error of a command is in no log.
        """
        after = await call(self._redis.get(keys.AUDIT_LOGGED))
        start = f"({after.decode()}" if after else "-"
        rows = await call(self._redis.xrange(keys.AUDIT, start, "+", count=PAGE))
        over = [(id_, row) for id_, row in rows if row.get(b"via") == COMMAND.encode() and row.get(b"over")]
        entries = [entry_of(id_.decode(), self._opened(keys.AUDIT, row)) for id_, row in over]
        return entries, rows[-1][0].decode() if rows else ""

    async def logged(self, last: str) -> None:
        """All up to this one is in the log. A crash before says some of it twice."""
        await write(self._redis, self._redis.set(keys.AUDIT_LOGGED, last))

    async def trim(self, now: float) -> None:
        """Forget what is older than 90 days."""
        for name in (keys.AUDIT, keys.AUDIT_STRANGERS):
            await write(self._redis, self._redis.xtrim(name, minid=int((now - KEEP_DAYS * 86_400) * 1000)))

    def _opened(self, name: str, row: Mapping[bytes, bytes]) -> Mapping[bytes, bytes]:
        sealed = row.get(b"sealed")
        if sealed is None and self._values.sealer is None:
            return row
        if sealed is None:  # any writer to Redis may have added it: it must not end a genuine act either
            return {b"subject": CLEAR.encode()}
        try:
            content = json.loads(self._values.opened(sealed, name))
        except Unsealable as error:  # it costs no other its place in a list
            content = {"subject": str(error)}
        return {**row, **{key.encode(): text.encode("utf-8", "replace") for key, text in content.items()}}


class Notes:
    """For what cannot wait, such as a reload: it is logged at once, and written down when the store takes it."""

    def __init__(self, trail: AuditTrail, pause: float = 1.0) -> None:
        """`pause` is in seconds, between two tries."""
        self._trail = trail
        self._pause = pause
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, act: Act, *, stranger: bool = False) -> None:
        say(act)
        self._start(self._add(act, stranger=stranger))

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

    async def _add(self, act: Act, *, stranger: bool) -> None:
        while True:
            try:
                await self._trail.note(act, stranger=stranger)
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


def sealed_row(values: Values, name: str, row: Mapping[str, str]) -> bytes:
    """Return the act that `sealed` holds in the stream of this name."""
    return values.sealed(json.dumps(row).encode(), name)


def entry_of(name: str, row: Mapping[bytes, bytes]) -> AuditEntry:
    """A row, read."""
    texts = {key.decode(): value.decode("utf-8", "replace") for key, value in row.items()}
    at = datetime.fromtimestamp(int(name.partition("-")[0]) / 1000, UTC)
    plain = {key: texts.get(key, "") for key in ("actor", "action", "subject", "address", "outcome", "via")}
    return AuditEntry(**plain, detail=json.loads(texts.get("detail", "{}")), id=name, at=at)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
