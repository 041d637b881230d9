"""Reads for decisions: all that a batch needs in one round trip. An index is read whole, in pages."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from redis.exceptions import RedisError

from relay.engine.state import NotLoaded, Score
from relay.errors import Unreadable
from relay.store.journal.codec import Codec
from relay.store.journal.pace import PACE
from relay.store.journal.scripts import Scripts
from relay.store.journal.writes import SLACK
from relay.store.keys import PREFIX
from relay.store.wire import Command


class OtherData(Exception):
    """Redis does not hold what this owner committed last."""


@dataclass(slots=True)
class Found:
    """A value as it was read, or the error why it cannot be.

    size  of a record: its bytes, as it is stored
    left  ms until it is over for decisions; None: it does not expire
    """

    kind: str
    names: Sequence[Any]
    value: Any
    size: int = 0
    left: int | None = None

    @property
    def is_over(self) -> bool:
        return self.left is not None and self.left <= 0


class Reading:
    """Reads what is asked for, and keeps the lease of the owner with `renew` while that is much."""

    def __init__(
        self, scripts: Scripts, codec: Codec, renew: Callable[[str], Awaitable[None]], page: int = PACE.index_page
    ) -> None:
        """`page`: members of an index that are read at once."""
        self.scripts, self._codec, self._renew, self._page = scripts, codec, renew, page

    async def read(self, missing: Iterable[NotLoaded], mark: str) -> list[Found]:
        """Read all of it. OtherData where Redis has another mark than this one when that is done."""
        wanted = [*{(need.kind, *need.names): None for need in missing}]
        found: list[Found] = []
        at, pages = 0, dict[str, list[tuple[str, Score]]]()
        while wanted:
            commands: list[Command] = []
            for kind, *names in wanted:
                commands += self._asking(kind, names, at)
            answers = await self.scripts.read([*commands, ("GET", PREFIX + "mark")], any_type=True)
            if (answers.pop() or b"").decode() != mark:
                raise OtherData
            rest, more = iter(answers), []
            for want in wanted:
                one = self._found(want[0], want[1:], rest, pages)
                more += [want] if one is None else []
                found += [one] if one else []
            wanted = more
            at += self._page
            if wanted:
                await self._renew(mark)
        return found

    def _asking(self, kind: str, names: Sequence[Any], at: int) -> list[Command]:
        key = PREFIX + key_of(kind, names)
        reading: dict[str, Command] = {
            "record": ("GET", key),
            "field": ("HGET", key, names[-1]),
            "table": ("HGETALL", key),
            "index": ("ZRANGE", key, at, at + self._page - 1, "WITHSCORES"),
            "log": ("LRANGE", key, 0, -1),
        }
        return [reading[kind]] if kind == "index" else [reading[kind], ("PTTL", key)]

    def _found(
        self, kind: str, names: Sequence[Any], answers: Iterator[Any], pages: dict[str, list[tuple[str, Score]]]
    ) -> Found | None:
        """Return what was asked for; None where there is more of it."""
        key, answer = key_of(kind, names), next(answers)
        found = Found(kind, names, None)
        if kind != "index" and (left := next(answers)) >= 0:
            found.left = left - SLACK
        try:
            if isinstance(answer, RedisError):
                found.value = Unreadable(key, "it is something else")
            elif kind == "index":
                page = _members(answer)
                pages.setdefault(key, []).extend(page)
                if len(page) == self._page:
                    return None
                found.value = pages.pop(key)
            elif not found.is_over:
                found.value = self._opened(kind, names, key, answer)
                found.size = len(answer or b"")
        except Unreadable as error:
            found.value = error
        except ValueError:  # a name, for instance
            found.value = Unreadable(key, "it is no text")
        return found

    def _opened(self, kind: str, names: Sequence[Any], key: str, answer: Any) -> Any:
        codec = self._codec
        match kind:
            case "record":
                return None if answer is None else codec.read_record(names[0], names[1], answer, key)
            case "field":
                return answer
            case "table":
                pairs = zip(answer[::2], answer[1::2], strict=True) if isinstance(answer, list) else answer.items()
                return {field.decode(): value for field, value in pairs}
            case _:
                return answer


def key_of(kind: str, names: Sequence[Any]) -> str:
    return str(names[0].PREFIX + names[1] if kind == "record" else names[0])


def _members(answer: list[Any]) -> list[tuple[str, Score]]:
    flat = [part for pair in answer for part in pair] if answer and isinstance(answer[0], list) else answer
    return [(member.decode(), int(float(score))) for member, score in zip(flat[::2], flat[1::2], strict=True)]
