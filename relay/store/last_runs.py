"""The last runs of jobs that do not name their runs (relay/formats/ping.py)."""

from relay.engine.names import digest
from relay.formats.ping import LastRun
from relay.store.store import Store

SECONDS = 35 * 86_400  # longer than a month: a monthly job's end may come late


class LastRuns:
    """Raises StoreUnavailable. Redis has no name of a job."""

    def __init__(self, store: Store) -> None:
        self._plain = store.plain

    async def find(self, source: str, job: str) -> LastRun | None:
        stored = await self._plain.find(_name(source, job))
        return LastRun(**stored) if stored else None

    async def keep(self, source: str, job: str, run: LastRun) -> None:
        await self._plain.keep(_name(source, job), run._asdict(), SECONDS)


def _name(source: str, job: str) -> str:
    return f"ping:{digest('ping', source, job).hex()}"
