"""One term of an owner: its view of the state, and its commits. Another term begins with another object."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from secrets import token_hex
from typing import Any

import structlog

from relay.engine.draft import Draft
from relay.engine.records import PARKING
from relay.engine.state import Changes, NotLoaded
from relay.errors import HandlingFailed, StoreUnavailable, WrongType, relay_line
from relay.store.journal.batch import Batch, Rules
from relay.store.journal.cache import Cache
from relay.store.journal.clock import PartitionClock
from relay.store.journal.inbox import Inbox
from relay.store.journal.items import NOTHING, Admission, Item
from relay.store.journal.lease import Taken
from relay.store.journal.reading import OtherData
from relay.store.journal.scripts import BadCommit, Full
from relay.store.journal.writes import MOST_BYTES, MOST_ENTRIES, Commit, Upkeep, count_bytes, encode, postponed
from relay.store.keys import PREFIX

PAUSES = (0.02, 1.0)  # seconds between two tries of the same, the first and the longest
FEW = 8  # entries that are decided before anything is read
log = structlog.get_logger(__name__)


class Term:
    """View and commits of an owner until another term begins.

    limit    how many entries the next commit may take
    mark     of the last commit, which the next one builds on
    left     the newest entry that was in the inbox when an owner died: the log names those up to it as they are decided
    carries  changes of lazy entries wait for the next commit
    """

    def __init__(
        self,
        taken: Taken,
        rules: Rules,
        cache: Cache,
        clock: PartitionClock,
        inbox: Inbox,
        *,
        decided: Callable[[Any, Any], None],
    ) -> None:
        """`decided` is called with each entry, of any process, and what came of it."""
        self.number, self.mark = taken.term, taken.mark
        self.limit = MOST_ENTRIES
        self.left = NOTHING
        self.commits = 0
        self._narrow = 0  # entries that are left of those for which the limit is low
        self._nonce = token_hex(6)
        self._composed = 0
        self._due = set[str]()
        self._upkeep = Upkeep()
        self._rules, self._clock, self._inbox, self._decided = rules, clock, inbox, decided
        self.cache, self._scripts = cache, cache.reading.scripts
        self._forget_lent()

    async def lend(self, items: Sequence[Item], settings: Any) -> list[Item]:
        """Answer at once what changes the state with the next commit only; return those that are left."""
        batch = await self._decide(items, settings)
        self._lent.take(batch.draft.changes)
        self.carries = True
        self._answer(batch)
        return [*items[len(batch.outcomes) :]]

    async def commit(self, items: Sequence[Item], settings: Any) -> list[Item]:
        """Decide and commit; answer what is done, and return the rest. OtherData if this term is over."""
        batch = await self._decide(items, settings)
        try:
            if not await self._write(batch):
                self._narrow_to(len(batch.outcomes) // 2, len(items))
                return [*items]
        except Full as error:
            return _refuse_events(items, error)
        except (HandlingFailed, WrongType) as error:
            return await self._find_fault(items, batch, error, settings)
        self._answer(batch)
        self._narrow -= len(batch.outcomes)
        if self._narrow <= 0:
            self.limit = MOST_ENTRIES
        return [*items[len(batch.outcomes) :]]

    async def _write(self, batch: Batch) -> bool:
        """Commit what was lent and what the batch changes; False where they are too many bytes, and could be fewer."""
        both = [batch.draft.changes]
        if self.carries:  # a record that both change is written once
            lent, newer = self._lent.changes, batch.draft.changes.records
            records = {key: record for key, record in lent.records.items() if key not in newer}
            both.insert(0, replace(lent, records=records))
        codec, gone = self._rules.codec, frozenset(self.cache.gone)
        encoded = []
        for changes in both:
            encoded.append(encode(changes, codec, gone, self._upkeep, batch.now, lives=self.cache.lives))
            gone -= changes.tables.keys() | changes.logs.keys()  # deleted already, and written anew
        writes = [write for some, _ in encoded for write in some]
        if len(batch.outcomes) > 1 and count_bytes(writes) > MOST_BYTES:
            return False
        # No two that differ have the same mark, not even where one of them was never done.
        self._composed += 1
        sets = f"{self.number}.{self.commits + 1}.{self._nonce}-{self._composed}.{batch.now}"
        commit = Commit(self.number, self.mark, sets, postponed(writes, self._clock.ahead), batch.used, batch.takes_on)
        ms, newest = await self._send(commit)
        self.mark = commit.sets
        self.commits += 1
        self._clock.hear(ms)
        self._inbox.hear(newest)
        lives = {key: int(rest[0]) for command, key, rest in writes if command == "PEXPIRE"}
        try:
            for changes, (_, sizes) in zip(both, encoded, strict=True):
                self._upkeep.note(changes, batch.now)
                self._notice_due(changes)
                self.cache.apply(changes, batch.now, sizes, lives)
        except Exception as error:  # noqa: BLE001 - whatever it is, the batch stands, and is not decided again
            log.error("partition.failed", error=type(error).__name__, at=relay_line(error))
            self.cache.forget()
        self.cache.trim()
        self._forget_lent()
        return True

    def _begin(self, settings: Any) -> Batch:
        """Return a batch over what is committed, and what is lent."""
        now = self.cache.now = self._clock.now()
        self.cache.guesses.clear()
        state = self._lent if self.carries else self.cache
        return Batch(self._rules, state, now, settings, self.cache.guesses, left=self.left)

    def _forget_lent(self) -> None:
        self._lent, self.carries = Draft(self.cache, 0), False

    async def _decide(self, items: Sequence[Item], settings: Any) -> Batch:
        """Decide as if what is not in memory were absent; then read all of it, and decide anew if it was not."""
        batch = self._begin(settings)
        if len(items) > FEW:
            await self._prepare(items)
        while True:
            wanted = [*batch.run(items), *self.cache.guesses.values()]
            if not wanted:
                return batch
            try:
                await self.cache.load(wanted, self.mark)
            except BadCommit as error:  # one of the names is none; of a single entry it is known whose that is
                if len(items) == 1:
                    items[0].failed, items[0].hopeless = error, items[0].failed is not None
                items, batch = items[:1], self._begin(settings)
                continue
            if not self.cache.confirm():
                batch = self._begin(settings)

    async def _prepare(self, items: Sequence[Item]) -> None:
        """Read what these need in any case: of many some are known and not in memory, and one wrong guess costs all."""
        needs = (need for item in items for need in self._rules.needs(item.entry))
        if missing := [
            NotLoaded("record", kind, name) for kind, name in needs if not self.cache.has(kind.PREFIX + name)
        ]:
            with contextlib.suppress(BadCommit):  # the step finds out whose name is none
                await self.cache.load(missing, self.mark)

    async def _send(self, commit: Commit) -> tuple[int, bytes]:
        """Send it until what became of it is known; return Redis's time and the newest entry of the inbox."""
        keys, args = commit.arguments(PREFIX)
        in_doubt = False
        pause, longest = PAUSES
        while True:
            # In doubt it is sent though Redis may be full: a refusal would not say whether it was done before.
            although_full = in_doubt or not commit.takes_on
            try:
                outcome, ms, newest = await self._scripts.run("commit", keys, args, although_full=although_full)
            except (Full, WrongType):
                raise
            except StoreUnavailable as error:
                log.debug("partition.in_doubt", reason=str(error))
                in_doubt = True
                await asyncio.sleep(pause)
                pause = min(2 * pause, longest)
                continue
            if outcome == b"refused":
                raise OtherData
            return ms, newest

    async def _find_fault(
        self, items: Sequence[Item], batch: Batch, error: HandlingFailed | WrongType, settings: Any
    ) -> list[Item]:
        """Return the items, each to be tried alone, up to the one that cannot be written."""
        if not batch.outcomes:
            log.error("entry.not_written", reason=str(error))
            self._forget_lent()
        elif self.carries:
            await self.commit([], settings)
        elif len(batch.outcomes) > 1:
            self._narrow_to(1, len(items))
        elif items[0].failed and isinstance(error, WrongType):
            raise error  # an entry of the inbox is not lost for that: it is tried again
        elif items[0].failed:
            log.error("entry.not_set_aside", reason=str(error))
            items[0].hopeless = True
        else:
            items[0].failed = error
        await asyncio.sleep(0)  # others go on, whatever comes of this
        return [*items]

    def _notice_due(self, changes: Changes) -> None:
        for name, scores in changes.indexes.items():
            kind, _, rest = name.partition(":")
            if kind == "due" and any(score is not None for score in scores.values()):
                self._due.add(rest.partition(":")[0])
            elif name == PARKING:
                self._due |= {place.partition(" ")[0] for place, at in scores.items() if at is not None}

    def take_due(self) -> set[str]:
        """Return the channels in which something became due, or was put off, since this was last asked."""
        due, self._due = self._due, set()
        return due

    def _narrow_to(self, limit: int, count: int) -> None:
        self.limit, self._narrow = max(1, limit), count

    def _answer(self, batch: Batch) -> None:
        for item, outcome in batch.outcomes:
            item.answer(outcome)
            try:
                self._decided(item.entry, outcome)
            except Exception as error:  # noqa: BLE001 - whatever it is, the entry is decided, and not decided again
                log.error("partition.failed", error=type(error).__name__, at=relay_line(error))


def _refuse_events(items: Sequence[Item], error: Full) -> list[Item]:
    """Return those that are done although Redis is full; the senders of events are asked to try again."""
    for item in items:
        if item.admission > Admission.ALWAYS:
            item.answer(error)
    return [item for item in items if item.admission == Admission.ALWAYS]
