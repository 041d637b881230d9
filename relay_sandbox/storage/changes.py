"""Changes of the sandbox's records, and the scripts that move its queues."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from relay_sandbox.storage.records import Record, Sending

LEASE = 30.0  # seconds for which a claim holds

# A claim holds until ARGV[2]; if it dies, the claim comes due again.
CLAIM = """
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[3])
for _, name in ipairs(due) do redis.call('ZADD', KEYS[1], ARGV[2], name) end
return due
"""
# Claims of a process that is gone are due again, now.
RELEASE = """
for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], ARGV[1], ARGV[2])) do
  redis.call('ZADD', KEYS[1], ARGV[1], name)
end
"""
# The first of a lane leaves it, or stays with another attempt (ARGV[3]). Counted once, for a second caller finds
# another request in front, or another attempt.
SETTLE = """
local first = redis.call('LINDEX', KEYS[2], 0)
if first ~= ARGV[2] then return 0 end
if ARGV[3] == '' then redis.call('LPOP', KEYS[2]) else redis.call('LSET', KEYS[2], 0, ARGV[3]) end
if redis.call('LLEN', KEYS[2]) == 0 then redis.call('ZREM', KEYS[1], ARGV[1])
else redis.call('ZADD', KEYS[1], ARGV[4], ARGV[1]) end
if ARGV[5] ~= '' then
  redis.call('HINCRBY', KEYS[3], 'total', 1)
  redis.call('HINCRBY', KEYS[3], ARGV[5], 1)
  redis.call('HINCRBYFLOAT', KEYS[3], 'milliseconds', ARGV[6])
  redis.call('HSET', KEYS[3], 'last', ARGV[7])
  if ARGV[8] == '1' then
    redis.call('HINCRBY', KEYS[3], 'progress', 1)
    redis.call('HSET', KEYS[3], 'last_progress', ARGV[7])
  end
end
return 1
"""


@dataclass
class Change:
    """The outcome of a decision. `due`: a record's name → when to look at it again, None for never."""

    save: list[Record] = field(default_factory=list)
    due: dict[str, float | None] = field(default_factory=dict)
    send: list[Sending] = field(default_factory=list)

    def add(self, other: "Change") -> None:
        """Add another record's change to the same transaction."""
        self.save += other.save
        self.due |= other.due
        self.send += other.send


Records = Mapping[str, Any]
Decide = Callable[[Records], Change | None]


@dataclass(frozen=True)
class Attempt:
    """The outcome of a try to send; `retry` is the request with its next attempt, and `at` when that is due."""

    successful: bool
    milliseconds: float
    now: float
    retry: Sending | None = None
    at: float = 0.0


def name_of(record: Record) -> str:
    return f"{record.kind}:{record.id}"
