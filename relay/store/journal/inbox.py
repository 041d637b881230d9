"""The inbox: what other processes leave for the owner, durably and in order. One reader, from the beginning."""

import asyncio
from collections import deque
from collections.abc import Iterable
from secrets import token_hex

from relay.errors import Unreadable
from relay.store.journal.codec import Codec
from relay.store.journal.items import BYTES, LAGS, NOTHING, Admission, Answer, Busy, Id, Item, value_of
from relay.store.journal.lease import ALIVE
from relay.store.journal.scripts import Scripts, Value
from relay.store.keys import PREFIX

KEY = PREFIX + "inbox"
POLL = 0.02  # seconds
ACT = "act:"  # begins the name of one whose answer is kept


class Pending:
    """The answer to an act that the owner has, and has not answered yet; and to an event in the inbox."""


TAKEN = Pending()


class Inbox:
    """`newest`: the newest entry in Redis, as far as is known. `read_to`: up to which they were read."""

    def __init__(self, scripts: Scripts, codec: Codec, page: int) -> None:
        """`page`: entries that are read at once."""
        self._scripts, self._codec, self._page = scripts, codec, page
        self.pending = deque[Item]()
        self.read_to = self.newest = NOTHING

    # Other processes

    async def append(self, item: Item) -> object:
        """Append it, once; return TAKEN, or the answer where it was appended before. Busy, StoreUnavailable."""
        keys = [KEY, PREFIX + "owner"]
        name = f"{ACT}{item.act}" if item.act else token_hex(8)
        payload = self._codec.dumped(item.entry)
        args: list[Value] = [name, payload, LAGS[item.admission], BYTES[item.admission], int(ALIVE * 1000)]
        if item.act:
            empty = Answer(item.act)
            keys.append(PREFIX + empty.key)
            args += [Answer.KEPT, self._codec.record(empty)]
        although_full = item.admission == Admission.ALWAYS
        outcome, said = await self._scripts.run("append", keys, args, although_full=although_full)
        if outcome == b"busy":
            raise Busy(f"the oldest entry of the inbox waits for {said} ms")
        return self._answered(item.act, said) if outcome == b"known" else TAKEN

    async def answer(self, act: str, patience: float) -> object:
        """Return what became of an act that was appended; TAKEN where nothing has within so many seconds."""
        until = asyncio.get_running_loop().time() + patience
        key = PREFIX + Answer.PREFIX + act
        while asyncio.get_running_loop().time() < until:
            [stored] = await self._scripts.read([("GET", key)])
            if stored and (answer := self._answered(act, stored)) is not TAKEN:
                return answer
            await asyncio.sleep(POLL)
        return TAKEN

    def _answered(self, act: str, stored: bytes) -> object:
        answer = self._codec.read_record(Answer, act, stored, Answer.PREFIX + act)
        return value_of(answer, self._codec) if answer.done else TAKEN

    # Of the owner

    def take(self, most: int) -> list[Item]:
        return [self.pending.popleft() for _ in range(min(most, len(self.pending)))]

    def has_passed(self, id_: Id) -> bool:
        """Return True where this one, and all before it, were taken."""
        return id_ < self.pending[0].id if self.pending else id_ <= self.read_to

    def put_back(self, items: Iterable[Item]) -> None:
        for item in reversed([*items]):
            if item.id != NOTHING:
                self.pending.appendleft(item)

    def forget(self) -> None:
        """Begin again from the beginning: what is used up is deleted, and there is no other mark of it."""
        self.pending.clear()
        self.read_to = self.newest = NOTHING

    @property
    def has_more(self) -> bool:
        return self.newest > self.read_to

    def hear(self, newest: bytes) -> None:
        self.newest = max(self.newest, parsed(newest))

    async def read(self) -> Id:
        """Read on, unless enough is here; return which entry was the newest then."""
        after = f"({self.read_to[0]}-{self.read_to[1]}"
        page = max(1, self._page - len(self.pending))
        # In this order: what is appended between the two is not passed over.
        commands = [
            ("XREVRANGE", KEY, "+", "-", "COUNT", 1),
            ("XRANGE", KEY, after, "+", "COUNT", page),
        ]
        last, rows = await self._scripts.read(commands)
        newest = parsed(last[0][0]) if last else NOTHING
        for id_, fields in rows:
            self.pending.append(self._item(id_, fields))
        self.read_to = max(
            self.read_to, self.pending[-1].id if rows else NOTHING, newest if len(rows) < page else NOTHING
        )
        self.newest = max(self.newest, newest)
        return newest

    def _item(self, id_: bytes, flat: list[bytes]) -> Item:
        """Return an entry. One that cannot be read has the error in its place."""
        fields = dict(zip(flat[::2], flat[1::2], strict=True))
        raw, payload = fields.get(b"id", b""), fields.get(b"entry", b"")
        name = raw.decode("utf-8", "replace")
        entry: object
        try:
            entry = self._codec.loaded(payload, f"entry:{name}")
        except Unreadable as error:
            entry = error
        act = name.removeprefix(ACT) if name.startswith(ACT) else ""
        return Item(entry, act, id=parsed(id_), appended=raw + b"\0" + payload)


def parsed(id_: bytes) -> Id:
    ms, _, number = id_.partition(b"-")
    return int(ms), int(number)
