"""Sessions of the console, and one-time login links.

Of an id or a link Redis has the hash alone: its memory and files give no access.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from hashlib import sha256
from typing import Any

from relay.store.plain import dumped
from relay.store.store import Store


@dataclass(frozen=True)
class Session:
    """A login. The configuration gives the role at each request, unless a link has given it."""

    name: str
    via: str
    began: float  # seconds since the epoch
    role: str = ""


@dataclass(frozen=True)
class Link:
    role: str
    maker: str


_STATED = [field.name for field in fields(Session)]  # a session of an older release has more


class Sessions:
    """Raises StoreUnavailable. A full Redis takes a session, too: an operator has to see why it is full.

    Of what cannot be read there is nothing: its holder logs in again.
    """

    def __init__(self, store: Store) -> None:
        self._plain = store.plain

    async def keep(self, id_: str, session: Session, seconds: float) -> None:
        """For so long, unless it is looked up meanwhile."""
        await self._write(_name("session", id_), asdict(session), seconds)

    async def find(self, id_: str, seconds: float | None = None) -> Session | None:
        """It; kept for so long from now on, if that is said."""
        name = _name("session", id_)
        content = await self._plain.find(name)
        if content and seconds is not None:
            await self._plain.do(("EXPIRE", name, max(1, int(seconds))))
        return Session(**{name: content[name] for name in _STATED if name in content}) if content else None

    async def forget(self, id_: str) -> None:
        await self._plain.do(("DEL", _name("session", id_)))

    async def lay(self, token: str, link: Link, seconds: float) -> None:
        """Store a one-time link for this token, valid for so long."""
        await self._write(_name("link", token), asdict(link), seconds)

    async def take(self, token: str) -> Link | None:
        """Return the identity of the token, for the first call alone."""
        name = _name("link", token)
        content = await self._plain.find(name)
        [deleted] = await self._plain.do(("DEL", name))
        return Link(**content) if content and deleted else None

    async def _write(self, name: str, content: Mapping[str, Any], seconds: float) -> None:
        await self._plain.do_although_full("SET", name, dumped(content), "EX", max(1, int(seconds)))


def _name(kind: str, secret: str) -> str:
    return f"console:{kind}:{sha256(secret.encode('utf-8', 'replace')).hexdigest()}"
