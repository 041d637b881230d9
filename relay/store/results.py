"""Results documents of finished runs, fetched once, so that every message of a run says the same."""

import json
from collections.abc import Mapping
from typing import Any

from relay.engine.names import digest
from relay.store.store import Store

KEPT = 3 * 86_400  # seconds, as long as the documents of a run that is over
LARGEST = 256 * 1024  # bytes; what is larger is kept without its phases' details, or else not at all


class ResultsCache:
    """One document for each run of an operation; the first one that is kept counts."""

    def __init__(self, store: Store) -> None:
        self._plain = store.plain

    async def get(self, subject: str, run: int, space: str = "") -> dict[str, Any] | None:
        """Return it; empty if it was requested in vain, None before the first request; `space` as of `Event.space`."""
        return await self._plain.find(_name(subject, run, space))

    async def keep(self, subject: str, run: int, document: Mapping[str, Any], space: str = "") -> dict[str, Any]:
        """The document that counts from now on: this one, unless another was first."""
        name, bounded = _name(subject, run, space), _bounded(document)
        await self._plain.do(("SET", name, bounded, "NX", "EX", KEPT))
        counting = await self._plain.find(name)
        return json.loads(bounded) if counting is None else counting


def _name(subject: str, run: int, space: str) -> str:
    return f"found:{digest('found', subject, str(run), *filter(None, [space])).hex()}"


def _bounded(document: Mapping[str, Any]) -> bytes:
    brief = {name: value for name, value in document.items() if name != "phaseResults"}
    texts = (json.dumps(one, ensure_ascii=False).encode("utf-8", "replace") for one in (document, brief, {}))
    return next(text for text in texts if len(text) <= LARGEST)
