"""Results documents of finished runs, fetched once, so that every message of a run says the same."""

import json
from collections.abc import Mapping
from typing import Any

from relay.engine.names import digest
from relay.store import keys
from relay.store.client import call
from relay.store.sealing import RESULTS, Values
from relay.store.store import Store

KEPT = 3 * 86_400  # seconds, as long as the documents of a run that is over
LARGEST = 256 * 1024  # bytes; what is larger is kept without its phases' details, or else not at all


class ResultsCache:
    """One document for each run of an operation; the first one that is kept counts."""

    def __init__(self, store: Store) -> None:
        self._redis, self._values = store.redis, Values(RESULTS, store.sealer)

    async def get(self, subject: str, run: int, space: str = "") -> dict[str, Any] | None:
        """Return it; empty if it was requested in vain, None before the first request; `space` as of `Event.space`."""
        key = self._key(subject, run, space)
        text = await call(self._redis.get(key))
        return json.loads(self._values.opened(text, key)) if text else None

    async def keep(self, subject: str, run: int, document: Mapping[str, Any], space: str = "") -> dict[str, Any]:
        """The document that counts from now on: this one, unless another was first."""
        text = _bounded(document)
        key = self._key(subject, run, space)
        await call(self._redis.set(key, self._values.sealed(text, key), nx=True, ex=KEPT))
        kept = await call(self._redis.get(key))
        counting: dict[str, Any] = json.loads(self._values.opened(kept, key) if kept else text)
        return counting

    def _key(self, subject: str, run: int, space: str) -> str:
        name = digest("found", subject, str(run), *filter(None, [space])).hex()
        return f"{keys.PREFIX}found:{name}"


def _bounded(document: Mapping[str, Any]) -> bytes:
    brief = {name: value for name, value in document.items() if name != "phaseResults"}
    texts = (
        json.dumps(candidate, ensure_ascii=False).encode("utf-8", "replace") for candidate in (document, brief, {})
    )
    return next(text for text in texts if len(text) <= LARGEST)
