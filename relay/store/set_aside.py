"""Entries of the inbox that were set aside."""

import re

from relay.store.keys import ENTRY, FAULTS, SET_ASIDE
from relay.store.plain import Plain, dumped

ENTRY_ID = re.compile(rf"{ENTRY}(\d{{1,15}}-\d{{1,15}})")
BY_HAND = "set aside by hand"


class SetAside:
    """Every failure is StoreUnavailable."""

    def __init__(self, plain: Plain) -> None:
        self._plain = plain

    async def payload(self, name: str) -> bytes | None:
        """Return what an entry says; None where none of this name is here."""
        if not (appended := await self._appended(name)):
            return None
        return appended.partition(b"\0")[2]

    async def put_back(self, name: str) -> bool:
        """Return an entry to the inbox, to be decided anew. A crash meanwhile repeats it, and it counts once."""
        if not (appended := await self._appended(name)):
            return False
        place = name.removeprefix(ENTRY)
        id_, _, payload = appended.partition(b"\0")
        await self._plain.do(("XADD", "inbox", "*", "id", id_, "entry", payload))
        await self._plain.do(("HDEL", SET_ASIDE, place), ("HDEL", FAULTS, name))
        return True

    async def set_aside(self, name: str) -> bool:
        """Take an entry out of the inbox; False where it is not there."""
        if not (known := ENTRY_ID.fullmatch(name)):
            return False
        id_ = known[1]
        [rows] = await self._plain.do(("XRANGE", "inbox", id_, id_))
        if not rows:
            return False
        [(_, (_, entry, _, payload))] = rows
        appended = entry + b"\0" + payload
        row = {"source": "", "reason": BY_HAND, "at": await self._plain.now(), "size": len(appended)}
        await self._plain.do(
            ("HSET", SET_ASIDE, id_, appended),
            ("HSET", FAULTS, name, dumped(row)),
            ("XDEL", "inbox", id_),
        )  # fmt: skip
        return True

    async def _appended(self, name: str) -> bytes | None:
        """Return an entry as it was appended: its name there, a zero byte, and what it says."""
        if not (known := ENTRY_ID.fullmatch(name)):
            return None
        [appended] = await self._plain.fields(SET_ASIDE, [known[1]])
        return appended
