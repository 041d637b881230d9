"""Silences that people made: read by every process, and remembered for 30 days after their end."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from secrets import token_hex

import structlog

from relay.domain.silences import Silence, dump, load
from relay.engine import names
from relay.engine.records import SILENCES, silenced
from relay.engine.withholding import AddSilence, EndSilence
from relay.engine.withholding import Silence as Kept
from relay.errors import RelayError
from relay.store.queries.questions import EVERY, Questions
from relay.store.queries.reader import Span

log = structlog.get_logger(__name__)

LIMIT = 200  # that are not over


def new_id() -> str:
    return f"s-{token_hex(4)}"


@dataclass(frozen=True, slots=True)
class Reading:
    """The silences that are not over, and a version of them; None where the version is the same."""

    version: str
    silences: Sequence[Silence] | None


class SilenceList(Questions):
    """Every call may be repeated."""

    async def add(self, silence: Silence) -> None:
        """Every process goes by it within a second. RelayError where there are too many."""
        if not await self._store.submit(AddSilence(silence.id, dump(silence), round(silence.until * 1000), LIMIT)):
            raise RelayError(f"there are {LIMIT} silences that are not over, which is as many as there may be; end one")

    async def expire(self, id_: str) -> bool:
        """End it now, begun or not, and release what it held. False: it was over, or there is none."""
        return await self._store.submit(EndSilence(id_)) is not None

    async def all(self) -> list[Silence]:
        """Return the silences that are not over, or ended in the last 30 days: by their ends, the next first."""
        [rows] = await self._reader.members([Span(SILENCES, EVERY)])
        return await self._read(rows)

    async def held(self, ids: Sequence[str]) -> dict[str, int]:
        """Count the deliveries that wait for the end of each."""
        sizes = await self._reader.sizes([silenced(id_) for id_ in ids])
        return dict(zip(ids, sizes, strict=True))

    async def read(self, version: str) -> Reading:
        """Return the silences that are not over, if changed since this version; '' is none."""
        [rows] = await self._reader.members([Span(SILENCES, EVERY)])
        present = names.digest(*(f"{id_} {ends}" for id_, ends in rows)).hex()
        if present == version:
            return Reading(version, None)
        now = await self._reader.now()
        return Reading(present, await self._read([row for row in rows if row[1] > now]))

    async def _read(self, rows: Sequence[tuple[str, int]]) -> list[Silence]:
        return [*self._loaded(await self._reader.records(Kept, [id_ for id_, _ in rows]))]

    @staticmethod
    def _loaded(found: Sequence[Kept | None]) -> Iterator[Silence]:
        for it in filter(None, found):
            try:
                yield load(it.name, it.text, it.ends / 1000)
            except (AttributeError, TypeError, ValueError) as error:  # nothing is held by it: its meaning is unknown
                log.error("silence.unreadable", silence=it.name, error=type(error).__name__)
