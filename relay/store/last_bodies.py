"""The last bodies of sources with a format, for authors of the format: a few of each, for a week.

They lie beside the events: `add` remembers one in this process, and `run` writes what came last once a second. What a
crash or an absent Redis takes is missing here and nowhere else.
"""

import asyncio
import contextlib
import json
import zlib
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import structlog

from relay.engine.names import digest
from relay.errors import StoreUnavailable
from relay.store.store import Store

log = structlog.get_logger(__name__)

KEPT = 20  # of each source
LONGEST = 128 * 2**10  # bytes; a longer one is not kept
SECONDS = 7 * 86_400
PERIOD = 1.0  # seconds; of a source that sends faster only the last ones are packed and written
LEVEL = 3  # of zlib: some 15 kB of GitHub's become 1.4 in 20 µs


@dataclass(frozen=True, slots=True)
class LastBody:
    """A body as it came, `at` seconds since the epoch. `headers`: those that are kept, as in the quarantine."""

    at: float
    headers: Mapping[str, str]
    body: bytes
    number: int = 0  # the source's bodies are counted from 1


class LastBodies:
    """Redis has no name of a source, and a slot for each body, which expires by itself."""

    def __init__(self, store: Store) -> None:
        self._plain = store.plain
        self._waiting: dict[str, deque[LastBody]] = {}

    def add(self, source: str, body: bytes, headers: Mapping[str, str], at: float) -> None:
        """Remember a body until the next turn of `run`. It waits for nothing and never fails."""
        if len(body) <= LONGEST:
            self._waiting.setdefault(source, deque(maxlen=KEPT)).append(LastBody(at, headers, body))

    async def run(self) -> None:
        """Write until cancelled. Never raises: relay goes on without them."""
        while True:
            await asyncio.sleep(PERIOD)
            try:
                await self.flush()
            except Exception as error:  # noqa: BLE001 - as above
                log.error("bodies.failed", error=type(error).__name__)

    async def flush(self) -> None:
        """Write what came since the last time. What Redis does not take is forgotten."""
        waiting, self._waiting = self._waiting, {}
        for source, bodies in waiting.items():
            with contextlib.suppress(StoreUnavailable):
                await self._write(source, bodies)

    async def _write(self, source: str, bodies: Iterable[LastBody]) -> None:
        bodies, counter = list(bodies), f"bodies:{_digest(source)}"
        [total] = await self._plain.do(("INCRBY", counter, len(bodies)))
        first = total - len(bodies) + 1
        # Beside the loop: packing bodies of the greatest length takes longer than events should wait.
        packed = await asyncio.to_thread(lambda: [self._packed(source, *row) for row in enumerate(bodies, first)])
        sets = [("SET", name, content, "EX", SECONDS) for name, content in packed]
        await self._plain.do(("EXPIRE", counter, 2 * SECONDS), *sets)

    def _packed(self, source: str, number: int, body: LastBody) -> tuple[str, bytes]:
        name = _slots(source)[number % KEPT]
        packed = zlib.compress(json.dumps([number, body.at, dict(body.headers)]).encode() + b"\n" + body.body, LEVEL)
        return name, self._plain.sealed(name, packed)

    async def of(self, source: str) -> list[LastBody]:
        """Return those of a source, the newest first. Raises StoreUnavailable."""
        bodies = []
        for packed in filter(None, await self._plain.values(_slots(source))):
            head, _, body = zlib.decompress(packed).partition(b"\n")
            number, at, headers = json.loads(head)
            bodies.append(LastBody(at, headers, body, number))
        return sorted(bodies, key=lambda body: -body.number)


def _slots(source: str) -> list[str]:
    return [f"last-body:{_digest(source)}:{slot}" for slot in range(KEPT)]


def _digest(source: str) -> str:
    return digest("bodies", source).hex()
