"""Sessions of the console, and one-time login links.

Of an id or a link Redis has the hash alone: its memory and files give no access.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

from relay.store import keys
from relay.store.client import write, write_although_full
from relay.store.sealing import SESSION, Values
from relay.store.store import Store


@dataclass(frozen=True)
class Session:
    """A login. `mark` is that of the provider it was made by.

    The configuration gives the role at each request: groups are kept, and the role of a link.
    """

    name: str
    via: str
    began: float  # seconds since the epoch
    mark: str = ""
    groups: Sequence[str] = ()
    role: str = ""


@dataclass(frozen=True)
class Link:
    """The identity behind a one-time link."""

    role: str
    maker: str


class Sessions:
    """Raises StoreUnavailable. A full Redis takes a session, too: an operator has to see why it is full."""

    def __init__(self, store: Store) -> None:
        self._redis, self._values = store.redis, Values(SESSION, store.sealer)

    async def keep(self, id_: str, session: Session, seconds: float) -> None:
        """For so long, unless it is looked up meanwhile."""
        await self._write(_key("session", id_), asdict(session), seconds)

    async def find(self, id_: str, seconds: float | None = None) -> Session | None:
        """It; kept for so long from now on, if that is said."""
        key = _key("session", id_)
        look = self._redis.getex(key, ex=max(1, int(seconds))) if seconds is not None else self._redis.get(key)
        content = self._read(key, await write(self._redis, look))
        return Session(**content) if content else None

    async def forget(self, id_: str) -> None:
        await write(self._redis, self._redis.delete(_key("session", id_)))

    async def lay(self, token: str, link: Link, seconds: float) -> None:
        """Store a one-time link for this token, valid for so long."""
        await self._write(_key("link", token), asdict(link), seconds)

    async def take(self, token: str) -> Link | None:
        """Return the identity of the token, for the first call alone."""
        key = _key("link", token)
        content = self._read(key, await write(self._redis, self._redis.getdel(key)))
        return Link(**content) if content else None

    async def _write(self, key: str, content: Mapping[str, Any], seconds: float) -> None:
        stored = self._values.sealed(json.dumps(content).encode("utf-8", "replace"), key)
        await write_although_full(self._redis, key, "SET", stored, "EX", max(1, int(seconds)))

    def _read(self, key: str, stored: bytes | None) -> dict[str, Any]:
        """Nothing where it is clear, or sealed with a key that is not here: then its holder logs in again."""
        return dict(json.loads(self._values.found(stored, key) or b"{}"))


def _key(kind: str, secret: str) -> str:
    return f"{keys.CONSOLE}{kind}:{sha256(secret.encode('utf-8', 'replace')).hexdigest()}"
