"""Test messages from the console: one at a time for each destination, and what they got through works."""

from collections.abc import Sequence

from relay.store import keys
from relay.store.client import write
from relay.store.queue import Store

PAUSE = 10.0  # seconds between two to a destination, be it by whichever process
# KEYS: the destination. ARGV: ms since the epoch, and of the pause. Answers the ms to wait; 0: it has begun. What was
# written before the clock was set back delays none for longer than the pause.
BEGIN = """
local now, pause = tonumber(ARGV[1]), tonumber(ARGV[2])
local free = tonumber(redis.call('GET', KEYS[1]) or '0')
if free > now and free <= now + pause then return free - now end
redis.call('SET', KEYS[1], string.format('%.0f', now + pause), 'PX', 3600000)
return 0
"""


class Trials:
    """Every failure is StoreUnavailable."""

    def __init__(self, store: Store) -> None:
        self._redis = store.redis
        self._first = store.partitions[0]

    async def begin(self, destination: str, now: float) -> float:
        """Return the seconds that the next one has to wait at `now` (seconds since the epoch); 0: go on."""
        key = f"{keys.CONSOLE}testing:{keys.digest('testing', destination).hex()}"
        args = (key, int(now * 1000), int(PAUSE * 1000))
        return float(await write(self._redis, self._redis.eval(BEGIN, 1, *args))) / 1000

    async def works(self, scopes: Sequence[str], now: float) -> None:
        """Record success for its addresses; what delivering found of them stays."""
        for scope in scopes:
            await write(self._redis, self._redis.hsetnx(self._first.key(f"state:{scope}"), "works", int(now * 1000)))
