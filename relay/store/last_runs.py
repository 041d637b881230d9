"""The last runs of jobs that do not name their runs (relay/formats/ping.py)."""

import json

from relay.formats.ping import LastRun
from relay.store import keys
from relay.store.client import write
from relay.store.store import Store

SECONDS = 35 * 86_400  # longer than a month: a monthly job's end may come late


class LastRuns:
    """Raises StoreUnavailable. Redis has no name of a job."""

    def __init__(self, store: Store) -> None:
        self._redis = store.redis

    async def find(self, source: str, job: str) -> LastRun | None:
        stored = await write(self._redis, self._redis.get(keys.ping(source, job)))
        return LastRun(*json.loads(stored)) if stored else None

    async def keep(self, source: str, job: str, run: LastRun) -> None:
        await write(self._redis, self._redis.set(keys.ping(source, job), json.dumps(run), ex=SECONDS))
