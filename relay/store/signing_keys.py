"""The keys behind unsubscribe links and buttons: the one that seals, and those before it, which open for a while yet.

Every process reads them again after a few seconds, so a rotation needs no restart. They are bytes that only Redis has.
"""

import json
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import NamedTuple

from relay.domain import links
from relay.errors import InvalidSignature
from relay.store.plain import SWAP, dumped
from relay.store.store import Store

NAME = "keys"  # of the value that has them
SIZE = 32  # bytes
MOST = 3  # earlier keys that still open: each costs an HMAC more for a forged link
FRESH = 5.0  # seconds for which what was read counts
LOOK = 1.0  # seconds between two looks on behalf of a token that nothing opens: another process may have a new key


@dataclass(frozen=True)
class RetiredKey:
    """A key before the present one. It opens what it sealed until then."""

    key: bytes
    at: datetime
    until: datetime

    @property
    def name(self) -> str:
        return name_of(self.key)


class Keys(NamedTuple):
    """The present key and those before it, the newest first; `stored`: all of them, as they were read."""

    stored: bytes
    present: bytes
    retired: Sequence[RetiredKey]


class SigningKeys:
    """Raises StoreUnavailable. `clock` is for how long ago something was read, and no calendar."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store, self._plain = store, store.plain
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
        """
        new = secrets.token_bytes(SIZE)
        while True:  # until no other rotation was first: its key is retired, too
            keys = await self._read()
            last = [RetiredKey(keys.present, _time(now), _time(now + keep))] if keep else []
            retired = [*last, *keys.retired]
            valid = [key for key in retired if key.until.timestamp() > now][: MOST if keep else 0]
            if await self._write(new, valid, keys.stored):
                self._read_at = float("-inf")
                return new, [key for key in retired if key not in valid]

    async def retired(self) -> Sequence[RetiredKey]:
        """The newest first, those among them that open nothing any more."""
        return (await self._read()).retired

    async def _opening(self, age: float) -> Sequence[bytes]:
        """The present key and those before it that still open, as read no longer ago than that."""
        if not self._keys or self._clock() - self._read_at >= age:
            read_at, keys, now = self._clock(), await self._read(), await self._store.time()
            opening = [key.key for key in keys.retired if key.until.timestamp() > now]
            self._keys, self._read_at = (keys.present, *opening[:MOST]), read_at
        return self._keys

    async def _read(self) -> Keys:
        [stored] = await self._plain.do(("GET", NAME))
        if stored is None:
            await self._write(secrets.token_bytes(SIZE), (), b"")
            return await self._read()
        document = json.loads(stored)
        retired = [RetiredKey(bytes.fromhex(key), _time(at), _time(until)) for key, at, until in document["retired"]]
        return Keys(stored, bytes.fromhex(document["present"]), retired)

    async def _write(self, present: bytes, retired: Sequence[RetiredKey], was: bytes) -> bool:
        """Write them in place of what was read. False: they were replaced meanwhile."""
        rows = [(key.key.hex(), key.at.timestamp(), key.until.timestamp()) for key in retired]
        content = dumped({"present": present.hex(), "retired": rows})
        return bool(await self._plain.run(SWAP, [NAME], was, content))


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


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
