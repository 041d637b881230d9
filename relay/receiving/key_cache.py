"""Public keys of senders: fetched before a signature is verified, and kept."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from math import inf

import aiohttp

from relay.errors import KeysUnavailable
from relay.receiving.scheme import Keys, Wanted

Fetch = Callable[[str], Awaitable[bytes]]  # what is at an address; raises KeysUnavailable

TIMEOUT = aiohttp.ClientTimeout(total=2.5)  # with the second of `Early` less than any sender waits for an answer
MAX_ANSWER = 256 * 1024  # bytes
FRESH = 3600.0  # seconds for which keys are kept,
STALE = 86_400.0  # and for which they are still used where the address does not answer
LOOK = 60.0  # seconds between two looks for a new key
PATIENCE = 5.0  # seconds after a failure in which the address is not asked again: strangers can bring that about
MAX_ADDRESSES = 32  # of a source that are known, and its requests a minute: a stranger may name addresses


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

    @property
    def worth(self) -> tuple[bool, float]:
        return self.lock.locked(), self.read_at

    def answers(self, wanted: Wanted, now: float) -> bool:
        """Return whether the address need not be asked."""
        return now - self.read_at < (FRESH if wanted.id in self.keys else LOOK)


@dataclass(slots=True)
class _Share:
    """Keys of one source by address. Strangers who name addresses use up what this source may ask, and no more."""

    entries: dict[str, _Entry] = field(default_factory=dict)
    asked: deque[float] = field(default_factory=lambda: deque([-inf] * MAX_ADDRESSES, MAX_ADDRESSES))

    def entry(self, address: str) -> _Entry:
        if address not in self.entries:
            if len(self.entries) >= MAX_ADDRESSES:  # what has never been read goes first, unless it is being read
                del self.entries[min(self.entries, key=lambda known: self.entries[known].worth)]
            self.entries[address] = _Entry()
        return self.entries[address]


class KeyCache:
    """Keys by source and address. `clock` returns seconds."""

    def __init__(self, fetch: Fetch, clock: Callable[[], float]) -> None:
        self._fetch = fetch
        self._clock = clock
        self._shares: defaultdict[str, _Share] = defaultdict(_Share)

    async def get(self, wanted: Wanted, source: str) -> Keys:
        """Return the keys at the address; without the wanted one, it was not there a moment ago. KeysUnavailable."""
        share = self._shares[source]
        entry = share.entry(wanted.address)
        if entry.answers(wanted, self._clock()):  # also while a key that may not exist is looked for
            return entry.keys
        async with entry.lock:
            now = self._clock()
            if entry.answers(wanted, now):
                return entry.keys
            if now - entry.failed_at >= PATIENCE:
                try:
                    entry.keys = wanted.read(await self._ask(share, wanted.address, now))
                    entry.read_at = self._clock()
                    return entry.keys
                except (KeysUnavailable, ValueError) as error:
                    where = wanted.address.partition("?")[0]  # for the log: the rest may be a secret
                    entry.failed_at, entry.failure = now, f"{where}: {error}"
            if wanted.id in entry.keys and now - entry.read_at < STALE:
                return entry.keys
            raise KeysUnavailable(entry.failure)

    async def _ask(self, share: _Share, address: str, now: float) -> bytes:
        if now - share.asked[0] < LOOK:
            raise KeysUnavailable(f"not asked, for {MAX_ADDRESSES} requests for keys were made within {LOOK:g} s")
        share.asked.append(now)
        return await self._fetch(address)
