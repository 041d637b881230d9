"""The keys behind unsubscribe links and buttons: the one that seals, and those before it, which open for a while yet.

Every process reads them again after a few seconds, so a rotation needs no restart. They are bytes that only Redis has.
"""

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from relay.domain import links
from relay.errors import InvalidSignature
from relay.store import keys
from relay.store.client import call, write
from relay.store.sealing import SIGNING, Values, is_sealed, is_sealed_by
from relay.store.store import Store

SIZE = 32  # bytes
# The keys sealed anew, each in place of what was read; one that was replaced meanwhile stays as it is.
RESEAL = """#!lua flags=allow-oom
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2]) end
for i = 3, #ARGV, 2 do
  local times = redis.call('HGET', KEYS[2], ARGV[i])
  if times and redis.call('HDEL', KEYS[2], ARGV[i]) then redis.call('HSET', KEYS[2], ARGV[i + 1], times) end
end
"""
MOST = 3  # earlier keys that still open: each costs an HMAC more for a forged link
FRESH = 5.0  # seconds for which what was read counts
LOOK = 1.0  # seconds between two looks on behalf of a token that nothing opens: another process may have a new key


@dataclass(frozen=True)
class RetiredKey:
    """A key before the present one. It opens what it sealed until then."""

    key: bytes
    stored: bytes  # as it is kept, sealed or not
    at: datetime
    until: datetime

    @property
    def name(self) -> str:
        return name_of(self.key)


class SigningKeys:
    """Raises StoreUnavailable. `clock` is for how long ago something was read, and no calendar."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._redis = store.redis
        self._values = Values(SIGNING, store.sealer)
        self._clock = clock
        self._read_at = float("-inf")
        self._keys: Sequence[bytes] = ()

    async def current(self) -> bytes:
        """Return the sealing key: 32 bytes that all instances share, made once."""
        return (await self._opening(FRESH))[0]

    async def redeem(self, purpose: str, token: str) -> tuple[str, ...]:
        """The facts of a token that one of the keys sealed for this purpose. InvalidSignature if none did."""
        try:
            return _redeem(await self._opening(FRESH), purpose, token)
        except InvalidSignature:
            if self._clock() - self._read_at < LOOK:
                raise
        return _redeem(await self._opening(LOOK), purpose, token)

    async def rotate(self, now: float, keep: float) -> tuple[bytes, list[RetiredKey]]:
        """Make a new key; the present one opens for `keep` seconds more. Answers it, and the earlier ones that are
        forgotten: those that are too many, and with `keep` 0 all.

        Retired before it is replaced: a crash in between leaves the old one in place, and no link is lost.
        """
        await self.current()
        old, new = bytes(await call(self._redis.get(keys.KEY))), secrets.token_bytes(SIZE)
        times = f"{int(now * 1000)} {int((now + keep) * 1000)}"
        if keep:
            await write(self._redis, self._redis.hset(keys.KEYS_RETIRED, old, times))
        # Another rotation at this moment may have been first: its key is retired, too. The same, sealed anew, is not.
        replaced = bytes(await write(self._redis, self._redis.set(keys.KEY, self._sealed(new), get=True)))
        if keep and self._opened(replaced) != self._opened(old):
            await write(self._redis, self._redis.hset(keys.KEYS_RETIRED, replaced, times))
        self._read_at = float("-inf")
        retired = await self.retired()
        valid = [key for key in retired if key.until.timestamp() > now][: MOST if keep else 0]
        forgotten = [key for key in retired if key not in valid]
        if not keep:  # all of them, however they may have been sealed anew at this moment
            await write(self._redis, self._redis.delete(keys.KEYS_RETIRED))
        elif forgotten:
            await write(self._redis, self._redis.hdel(keys.KEYS_RETIRED, *(key.stored for key in forgotten)))
        return new, forgotten

    async def retired(self) -> list[RetiredKey]:
        """The newest first, those among them that open nothing any more."""
        rows = await call(self._redis.hgetall(keys.KEYS_RETIRED))
        retired = [
            RetiredKey(self._opened(stored), stored, *map(_time, times.split())) for stored, times in rows.items()
        ]
        return sorted(retired, key=lambda key: (key.at, key.key), reverse=True)

    async def _seal_anew(self, stored: bytes, present: bytes, retired: Sequence[RetiredKey]) -> None:
        """Seal them as this process does, where an earlier key did: they are older than that is kept for."""
        pairs = [(stored, present), *((key.stored, key.key) for key in retired)]
        if not all(is_sealed_by(self._values.sealer, stored) for stored, _ in pairs):
            await self._reseal([(stored, self._sealed(key)) for stored, key in pairs])

    async def seal_clear(self) -> int:
        """Seal those that were written before there was a key to seal with; how many they were."""
        present, retired = await call(self._redis.get(keys.KEY)), await call(self._redis.hkeys(keys.KEYS_RETIRED))
        kept = [present or b"", *retired]
        clear = [stored for stored in kept if stored and not is_sealed(stored)]
        if clear:
            await self._reseal([(stored, self._sealed(stored) if stored in clear else stored) for stored in kept])
        return len(clear)

    async def _reseal(self, pairs: Sequence[tuple[bytes, bytes]]) -> None:
        """Put the second of each pair in place of the first; the present key's is the first pair."""
        words = [word for pair in pairs for word in pair]
        await write(self._redis, self._redis.eval(RESEAL, 2, keys.KEY, keys.KEYS_RETIRED, *words))

    def _opened(self, stored: bytes) -> bytes:
        return self._values.opened(stored, keys.KEY)

    def _sealed(self, key: bytes) -> bytes:
        return self._values.sealed(key, keys.KEY)

    async def _opening(self, age: float) -> Sequence[bytes]:
        """The present key and those before it that still open, as read no longer ago than that."""
        if not self._keys or self._clock() - self._read_at >= age:
            read_at = self._clock()
            present = await call(self._redis.get(keys.KEY))
            if present is None:
                await write(self._redis, self._redis.set(keys.KEY, self._sealed(secrets.token_bytes(SIZE)), nx=True))
                present = await call(self._redis.get(keys.KEY))
            stored = bytes(present)
            present = self._opened(stored)
            retired, now = await self.retired(), await self._store.time()
            opening = [key.key for key in retired if key.until.timestamp() > now and key.key != present]
            self._keys, self._read_at = (present, *opening[:MOST]), read_at
            await self._seal_anew(stored, present, retired)
        return self._keys


def name_of(key: bytes) -> str:
    """Return the short id of a key for people: nothing follows from it."""
    return sha256(b"name of a key\0" + key).hexdigest()[:8]


def _redeem(opening: Sequence[bytes], purpose: str, token: str) -> tuple[str, ...]:
    for key in opening[:-1]:
        try:
            return links.redeem(key, purpose, token)
        except InvalidSignature:
            continue
    return links.redeem(opening[-1], purpose, token)


def _time(ms: bytes) -> datetime:
    return datetime.fromtimestamp(int(ms) / 1000, UTC)
