"""What the platform was asked for once about a finished run, so that every message of it says the same."""

import json
from collections.abc import Mapping
from typing import Any

from relay.store import keys
from relay.store.connection import call
from relay.store.store import Store

KEPT = 30 * 86_400  # seconds, as long as the operation itself


class Findings:
    """One document for each run of an operation; the first one that is kept counts, whoever asked."""

    def __init__(self, store: Store) -> None:
        self._redis = store.redis

    async def get(self, subject: str, run: int) -> dict[str, Any] | None:
        """The document; empty if it was asked for in vain; None if nobody has asked yet."""
        found = await call(self._redis.get(_key(subject, run)))
        return json.loads(found) if found else None

    async def keep(self, subject: str, run: int, document: Mapping[str, Any]) -> dict[str, Any]:
        """The document that counts from now on: this one, unless another was first."""
        text = json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")
        key = _key(subject, run)
        await call(self._redis.set(key, text, nx=True, ex=KEPT))
        kept = await call(self._redis.get(key))
        return json.loads(kept) if kept else dict(document)


def _key(subject: str, run: int) -> str:
    return f"{keys.PREFIX}found:{keys.digest('found', subject, str(run)).hex()}"
