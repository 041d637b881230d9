"""Test messages from the console: one at a time for each destination, and what came of the last one."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from relay.errors import Unsealable
from relay.store import keys
from relay.store.client import call, write
from relay.store.queue import Store
from relay.store.sealing import TRIAL, opened

PAUSE = 10.0  # seconds between two to a destination, be it by whichever process
KEPT = 7 * 86_400  # seconds
# KEYS: the destination. ARGV: ms since the epoch, and of the pause. Answers the ms to wait; 0: it has begun. What was
# written before the clock was set back delays none for longer than the pause.
BEGIN = """
local now, pause = tonumber(ARGV[1]), tonumber(ARGV[2])
local free = tonumber(redis.call('GET', KEYS[1]) or '0')
if free > now and free <= now + pause then return free - now end
redis.call('SET', KEYS[1], string.format('%.0f', now + pause), 'PX', 3600000)
return 0
"""


@dataclass(frozen=True)
class TriedAddress:
    """One address: the answer of the other side, or the error."""

    address: str
    answer: str
    error: str


@dataclass(frozen=True)
class LastTrial:
    """The last one: its time (seconds since the epoch), its author, and the result at each address."""

    at: float
    by: str
    rows: Sequence[TriedAddress]


class Trials:
    """Every failure is StoreUnavailable."""

    def __init__(self, store: Store) -> None:
        self._redis = store.redis
        self._first = store.partitions[0]
        self._sealer = store.sealer

    async def begin(self, destination: str, now: float) -> float:
        """Return the seconds that the next one has to wait at `now` (seconds since the epoch); 0: go on."""
        args = (_key("testing", destination), int(now * 1000), int(PAUSE * 1000))
        return float(await write(self._redis, self._redis.eval(BEGIN, 1, *args))) / 1000

    async def keep(self, destination: str, trial: LastTrial) -> None:
        key, text = _key("tested", destination), json.dumps(asdict(trial)).encode()
        sealed = self._sealer.seal(text, TRIAL, key) if self._sealer else text
        await write(self._redis, self._redis.set(key, sealed, ex=KEPT))

    async def works(self, scopes: Sequence[str], now: float) -> None:
        """Record success for its addresses; what delivering found of them stays."""
        for scope in scopes:
            await write(self._redis, self._redis.hsetnx(self._first.key(f"state:{scope}"), "works", int(now * 1000)))

    async def last(self, destination: str) -> LastTrial | None:
        """None also where it is not sealed with a key that is here."""
        key = _key("tested", destination)
        stored = await call(self._redis.get(key))
        try:
            fields = json.loads(opened(self._sealer, stored, TRIAL, key)) if stored else None
        except Unsealable:
            return None
        return fields and LastTrial(fields["at"], fields["by"], [TriedAddress(**row) for row in fields["rows"]])


def _key(kind: str, destination: str) -> str:
    return f"{keys.CONSOLE}{kind}:{keys.digest(kind, destination).hex()}"
