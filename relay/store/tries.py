"""How often somebody has tried to log in: all processes count together, and each failure makes the next wait longer.

A try is counted before its password is looked at, so many at once are not one. What is counted is forgotten an hour
after the last try; of names that nobody has, Redis keeps digests.
"""

from dataclasses import dataclass

from relay.store import keys
from relay.store.client import write
from relay.store.queue import Store

KEPT = 3600  # seconds
# KEYS: what is counted. ARGV: ms since the epoch, ms for which it is kept; for each key how many are free, and the
# longest wait in ms. Answers the ms to wait; 0: it is counted. A full Redis counts, too, or nobody could log in to it.
TRY = """#!lua flags=allow-oom
local now, rows, wait = tonumber(ARGV[1]), {}, 0
for i, key in ipairs(KEYS) do
  local count, till = string.match(redis.call('GET', key) or '0 0', '^(%d+) (%d+)$')
  rows[i] = tonumber(count or 0)
  wait = math.max(wait, tonumber(till or 0) - now)
end
if wait > 0 then return wait end
for i, key in ipairs(KEYS) do
  local over = rows[i] + 1 - tonumber(ARGV[1 + 2 * i])
  local pause = over > 0 and math.min(tonumber(ARGV[2 + 2 * i]), 1000 * 2 ^ math.min(over - 1, 20)) or 0
  redis.call('SET', key, string.format('%.0f %.0f', rows[i] + 1, now + pause), 'PX', ARGV[2])
end
return 0
"""
# KEYS: what is counted. ARGV: of how many of the first all is forgotten; of the others one try less counts.
BACK = """#!lua flags=allow-oom
for i, key in ipairs(KEYS) do
  local count = i > tonumber(ARGV[1]) and string.match(redis.call('GET', key) or '', '^(%d+) ')
  if count and tonumber(count) > 1 then
    redis.call('SET', key, string.format('%.0f 0', tonumber(count) - 1), 'KEEPTTL')
  else
    redis.call('DEL', key)
  end
end
return 0
"""


@dataclass(frozen=True)
class Allowance:
    """So many tries are free; then each waits twice as long as the one before, up to `longest` seconds."""

    free: int
    longest: float


NAME, PEER = Allowance(5, 300.0), Allowance(20, 900.0)  # many may share a peer; nobody is locked out for long


class Tries:
    """Raises StoreUnavailable."""

    def __init__(self, store: Store, name: Allowance = NAME, peer: Allowance = PEER) -> None:
        self._redis = store.redis
        self._allowed = (name, peer)

    async def begin(self, name: str, peer: str, now: float) -> float:
        """Count a try at `now`, in seconds since the epoch. Answers how many seconds it has to wait; 0: go on."""
        limits = [int(part) for limit in self._allowed for part in (limit.free, limit.longest * 1000)]
        args = (int(now * 1000), KEPT * 1000, *limits)
        return float(await write(self._redis, self._redis.eval(TRY, 2, *_keys(name, peer), *args))) / 1000

    async def right(self, name: str, peer: str) -> None:
        """The try that was counted last was no failure: nor do those of this name before it count any more."""
        await write(self._redis, self._redis.eval(BACK, 2, *_keys(name, peer), 1))

    async def give_back(self, name: str, peer: str) -> None:
        """The try that was counted last was none, for nobody has judged it."""
        await write(self._redis, self._redis.eval(BACK, 2, *_keys(name, peer), 0))


def _keys(name: str, peer: str) -> tuple[str, str]:
    named, asking = (keys.digest(kind, text).hex() for kind, text in (("name", name), ("peer", peer)))
    return f"{keys.CONSOLE}tries:{named}", f"{keys.CONSOLE}tries:{asking}"
