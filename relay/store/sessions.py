"""Sessions of the console and login links that have not ended: a login can be ended, and a link works once.

Redis only says that one has not ended yet. Who it is for is in its signed token, so writing to Redis makes no login.
Of an id Redis has the hash alone: its memory and files give no access.
"""

from hashlib import sha256

from relay.store.store import Store


class Sessions:
    """Raises StoreUnavailable. A full Redis takes a session, too: an operator has to see why it is full."""

    def __init__(self, store: Store) -> None:
        self._plain = store.plain

    async def keep(self, id_: str, seconds: float) -> None:
        """Let this session last so long, unless it is looked up meanwhile."""
        await self._open("session", id_, seconds)

    async def lasts(self, id_: str, seconds: float | None = None) -> bool:
        """Return whether this session has not ended. `seconds`: it lasts so long from now on."""
        name = _name("session", id_)
        command = ("EXISTS", name) if seconds is None else ("EXPIRE", name, max(1, int(seconds)))
        [found] = await self._plain.do(command)
        return bool(found)

    async def forget(self, id_: str) -> None:
        await self._plain.do(("DEL", _name("session", id_)))

    async def lay(self, id_: str, seconds: float) -> None:
        """Let this one-time link work for so long."""
        await self._open("link", id_, seconds)

    async def take(self, id_: str) -> bool:
        """Use up this link. True for the first call alone."""
        [deleted] = await self._plain.do(("DEL", _name("link", id_)))
        return bool(deleted)

    async def _open(self, kind: str, id_: str, seconds: float) -> None:
        await self._plain.do_although_full("SET", _name(kind, id_), "1", "EX", max(1, int(seconds)))


def _name(kind: str, id_: str) -> str:
    return f"console:{kind}:{sha256(id_.encode('utf-8', 'replace')).hexdigest()}"
