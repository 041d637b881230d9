"""Public keys of senders: fetched before a signature is verified, and kept."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from math import inf

import aiohttp

from relay.errors import KeysUnavailable
from relay.receiving.scheme import Keys, Wanted

Fetch = Callable[[str], Awaitable[bytes]]  # what is at an address; raises KeysUnavailable

TIMEOUT = aiohttp.ClientTimeout(total=4.0)  # less than any sender waits for an answer
MAX_ANSWER = 256 * 1024  # bytes
FRESH = 3600.0  # seconds for which keys are kept,
STALE = 86_400.0  # and for which they are still used where the address does not answer
LOOK = 60.0  # seconds between two looks for a new key
PATIENCE = 5.0  # seconds after a failure in which the address is not asked again: strangers can bring that about
MAX_ADDRESSES = 32  # that are known, and requests a minute: a stranger may name addresses


async def fetch(address: str) -> bytes:
    """Return what is at an address. Nothing leads elsewhere from there: no redirect, no cookie."""
    try:
        async with (
            aiohttp.ClientSession(timeout=TIMEOUT, cookie_jar=aiohttp.DummyCookieJar()) as http,
            http.get(address, allow_redirects=False) as response,
        ):
            body = bytearray()
            async for piece in response.content.iter_any():
                body += piece
                if len(body) > MAX_ANSWER:
                    raise KeysUnavailable(f"answers with more than {MAX_ANSWER} bytes")
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        raise KeysUnavailable(f"does not answer: {type(error).__name__}") from None
    if response.status != 200:
        raise KeysUnavailable(f"answers {response.status}")
    return bytes(body)


@dataclass(slots=True)
class _Entry:
    """Keys of one address. Whoever waits for them waits for one request."""

    keys: Keys = field(default_factory=dict)
    read_at: float = -inf
    failed_at: float = -inf
    failure: str = ""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class KeyCache:
    """Keys by address. `clock` tells seconds."""

    def __init__(self, fetch: Fetch, clock: Callable[[], float]) -> None:
        self._fetch = fetch
        self._clock = clock
        self._entries: dict[str, _Entry] = {}
        self._asked: deque[float] = deque([-inf] * MAX_ADDRESSES, MAX_ADDRESSES)

    async def get(self, wanted: Wanted) -> Keys:
        """Return the keys at the address; without the wanted one, it was not there a moment ago. KeysUnavailable."""
        entry = self._entries.get(wanted.address)
        if entry is None:
            if len(self._entries) >= MAX_ADDRESSES:  # what has never been read goes first
                del self._entries[min(self._entries, key=lambda address: self._entries[address].read_at)]
            entry = self._entries[wanted.address] = _Entry()
        async with entry.lock:
            now = self._clock()
            if now - entry.read_at < (FRESH if wanted.id in entry.keys else LOOK):
                return entry.keys
            if now - entry.failed_at >= PATIENCE:
                try:
                    entry.keys = wanted.read(await self._ask(wanted.address, now))
                    entry.read_at = self._clock()
                    return entry.keys
                except (KeysUnavailable, ValueError) as error:
                    where = wanted.address.partition("?")[0]  # for the log: the rest may be a secret
                    entry.failed_at, entry.failure = now, f"{where}: {error}"
            if wanted.id in entry.keys and now - entry.read_at < STALE:
                return entry.keys
            raise KeysUnavailable(entry.failure)

    async def _ask(self, address: str, now: float) -> bytes:
        if now - self._asked[0] < LOOK:
            raise KeysUnavailable(f"not asked, for {MAX_ADDRESSES} requests for keys were made within {LOOK:g} s")
        self._asked.append(now)
        return await self._fetch(address)
