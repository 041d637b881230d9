"""Silences that people made: read by every process, and remembered for 30 days after their end."""

from collections.abc import Iterator, Mapping, Sequence

import structlog

from relay.engine.records import SILENCES, silenced
from relay.engine.withholding import AddSilence, EndSilence
from relay.engine.withholding import Silence as Kept
from relay.errors import RelayError
from relay.policy.silences import Silence, dump, load
from relay.store.queries.questions import Questions

log = structlog.get_logger(__name__)

LIMIT = 200  # that are not over


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
        return [*self._loaded(await self._named(Kept, await self._members(SILENCES)))]

    async def held(self, ids: Sequence[str]) -> dict[str, int]:
        """Count the deliveries that wait for the end of each."""
        sizes = await self._reader.sizes([silenced(id_) for id_ in ids])
        return dict(zip(ids, sizes, strict=True))

    async def lasting(self) -> list[Silence]:
        """Return the silences that are not over."""
        ends, now = await self._members(SILENCES), await self._reader.now()
        return [*self._loaded(await self._named(Kept, [id_ for id_, end in ends.items() if end > now]))]

    @staticmethod
    def _loaded(found: Mapping[str, Kept]) -> Iterator[Silence]:
        for it in found.values():
            try:
                yield load(it.name, it.text, it.ends / 1000)
            except ValueError as error:  # nothing is held by it: its meaning is unknown
                log.error("silence.unreadable", silence=it.name, error=type(error).__name__)
