"""History of one operation or batch, and its newest events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from relay.domain.events import Event
from relay.domain.facts import NOWHERE, Space
from relay.domain.parsing import load
from relay.errors import AmbiguousId
from relay.store import keys
from relay.store.client import call
from relay.store.everywhere import Everywhere
from relay.store.knowledge import Spaces
from relay.store.notes import lines_of, open_lines
from relay.store.records import FIELDS, SEALED, documents_of, values_in
from relay.store.sealing import ANSWER, BODY, open_texts, opened, text_to_show


@dataclass(frozen=True, slots=True)
class Timeline:
    """Everything still known of one operation."""

    subject: str
    facts: Mapping[str, str]
    log: Sequence[Sequence[Any]]  # [ms since the epoch, what, …]


class Timelines:
    """By the id that people know; `spaces` says which operation it means. `Admin` says what each of these does."""

    def __init__(self, everywhere: Everywhere, spaces: Spaces) -> None:
        self._everywhere = everywhere
        self._redis = everywhere.redis
        self._spaces = spaces

    async def timeline(self, subject: str, space: Space) -> Timeline | None:
        subject, name = await self.named(subject, space)
        row = await self._operation(name)
        logs = await self._everywhere.each(lambda key: self._redis.lrange(key(f"log:{name}"), 0, -1))
        # First: what others did at the same moment follows from it.
        own = self._everywhere.partitions.of(name).number if name else 0
        counting = [line for line in open_lines(row.get(b"tallies", b"")) if line not in logs[own]]  # else closed since
        all_logs = (logs[own], counting, *logs[:own], *logs[own + 1 :])
        lines = [line for log in all_logs for packed in log for line in lines_of(packed)]
        sealer = self._everywhere.sealer
        facts = open_texts(sealer, values_in(row.get(field.encode()) for field in FIELDS), SEALED)
        lines = [
            [text_to_show(sealer, text, ANSWER) if isinstance(text, str) else text for text in line] for line in lines
        ]
        if not lines and facts.keys() <= {"apart"}:
            return None
        return Timeline(subject, facts, sorted(lines, key=lambda line: int(line[0])))

    async def events(self, subject: str, space: Space) -> list[Event]:
        _, name = await self.named(subject, space)
        row = await self._operation(name)
        # Platforms write whole seconds: within one, the order in which the events came.
        bodies = [opened(self._everywhere.sealer, document, BODY, name) for document in documents_of(row)]
        return sorted(map(load, bodies), key=lambda event: event.occurred_at)

    async def _operation(self, name: str) -> dict[bytes, bytes]:
        """The record of the operation of this name; empty for ''."""
        if not name:
            return {}
        where = self._everywhere.partitions.of(name)
        return dict(await call(self._redis.hgetall(where.key(f"operation:{name}"))))

    async def named(self, subject: str, space: Space) -> tuple[str, str]:
        """The id and the name of the keys: of a retry under a new id the original's, whose timeline is its own."""
        subject, own = await self.meant(subject, space)
        return subject, "" if own is None else keys.operation(subject, own)

    async def meant(self, subject: str, space: Space) -> tuple[str, str | None]:
        """The id, and the space that names of keys have, '' for the first with this id; None where it is another's."""
        meant = [facts for facts in await self._spaces.all(subject) if Space.of(facts).may_be(space)]
        if len(meant) > 1:
            raise AmbiguousId(subject, [Space.of(facts) for facts in meant])
        facts = meant[0] if meant else {}
        if original := facts.get("original"):
            first = await self._spaces.resolved(original, space.filled(Space.of(facts)))
            return original, first.get("space", "")
        if not meant and space != NOWHERE:
            return subject, None  # there may be one with this id, but it is another's
        return subject, facts.get("space", "")
