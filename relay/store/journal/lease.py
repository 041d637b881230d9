"""The lease of a partition: who owns it. It counts once confirmed, by this process's monotonic clock."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from secrets import token_hex
from typing import Any, Literal

from relay.store.journal.scripts import Scripts, Value
from relay.store.keys import PREFIX

LASTS = 5.0  # seconds after its last renewal, by Redis's clock
RENEWED = 1.0  # seconds after which it is renewed, or tried for
ALIVE = 3.5  # seconds of it that an owner has left that lives
LEFT = 1.0  # seconds of it that have to be left for a first byte to leave
RECEIVES = "-receives"  # ends the name of a process that owns nothing, ever
GRACE = 4.0  # seconds after the first pulse behind an outage in which only its owner may go on


@dataclass(frozen=True, slots=True)
class Taken:
    """A new term, and the mark of the last commit before. `in_order`: its owner has not died."""

    term: int
    mark: str
    in_order: bool
    ms: int


class Lease:
    """`living`: processes that gave a sign of life within the last seconds, this one included."""

    def __init__(
        self,
        scripts: Scripts,
        process: str,
        monotonic: Callable[[], float],
        *,
        at_once: bool = False,
        may_own: bool = True,
    ) -> None:
        """`at_once`: no other process has this Redis, so it is taken without waiting."""
        self.process = f"{process}-{token_hex(4)}{'' if may_own else RECEIVES}"
        self._scripts, self._monotonic, self._at_once = scripts, monotonic, at_once
        self._keys = [PREFIX + name for name in ("owner", "term", "mark", "pulses", "handed")]
        self.term = 0
        self.begun = 0  # the last term in which this process decided, after what was under way before
        self.living = frozenset[str]()
        self._until = self._asked = float("-inf")
        self._number = 0
        self._seen: tuple[str, float] = ("", 0.0)  # the owner's value, and since when it is that
        self.held = False

    @property
    def is_due(self) -> bool:
        """Return True where it is time to renew it, or to try for it."""
        return self._monotonic() - self._asked >= RENEWED

    @property
    def is_owned(self) -> bool:
        """Return True where a process owns it, as of the last sign of life."""
        return self.held or bool(self._seen[0])

    @property
    def has_successor(self) -> bool:
        """Return True where another process lives that may own it."""
        return any(name != self.process and not name.endswith(RECEIVES) for name in self.living)

    def may_send(self) -> bool:
        return self.held and self._monotonic() < self._until - LEFT

    async def take(self) -> Taken | None:
        """Begin a term; None while another process has it, or may have."""
        owner, since = self._seen
        # A clock that is set back keeps its key for longer than it lasts.
        gone = "*" if self._at_once else owner if owner and self._monotonic() - since > LASTS else ""
        asked, (outcome, ms, *rest) = await self._ask("take", self.term, gone, int(GRACE * 1000))
        if outcome != b"taken":
            self._note(rest)
            return None
        term, mark, handed_over, *living = rest
        in_order = bool(handed_over) or int(term) - 1 == self.begun > 0  # the term before was this process's own
        self.term, self.held, self._until = int(term), True, asked + LASTS
        self._hear(living)
        return Taken(self.term, mark.decode(), in_order, ms)

    async def renew(self, mark: str) -> int | None:
        """Return Redis's time; None where it is lost, or the data is not what this term has committed."""
        asked, (outcome, ms, *rest) = await self._ask("renew", self.term, mark)
        if outcome != b"renewed":
            self.lose()
            return None
        self._until = asked + LASTS
        self._note(rest)
        return int(ms)

    async def pulse(self) -> None:
        """Give a sign of life, without wanting it."""
        _, (_, _, *rest) = await self._ask("pulse")
        self._note(rest)

    async def give(self, *, lives_on: bool = False) -> None:
        """Let another process take it at once. Unless this one lives on, nothing of it is under way any more."""
        self.lose()
        await self._ask("give", self.term, int(lives_on))

    def lose(self) -> None:
        self.held, self._seen = False, ("", 0.0)
        self._until = self._asked = float("-inf")

    async def _ask(self, verb: Literal["take", "renew", "pulse", "give"], *args: Value) -> tuple[float, list[Any]]:
        self._number += 1
        number = () if verb in ("pulse", "give") else (self._number,)
        now = self._asked = self._monotonic()
        rest = (verb, self.process, int(LASTS * 1000), *number, *args)
        return now, await self._scripts.run("lease", self._keys, rest, although_full=True)

    def _note(self, rest: list[Any]) -> None:
        owner, living = rest[0].decode(), rest[1:]
        if owner != self._seen[0]:
            self._seen = owner, self._monotonic()
        self._hear(living)

    def _hear(self, living: Sequence[bytes]) -> None:
        # A process that was here before on a Redis of its own is dead, however short ago it lived.
        others = [] if self._at_once else [name.decode() for name in living if name]
        self.living = frozenset({self.process, *others})
