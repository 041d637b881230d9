"""A partition of a life: its state, its clock, and commits that are refused, made again or asked in parts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from relay.domain.deliveries import Target
from relay.domain.events import Event
from relay.engine.draft import Draft
from relay.engine.intake import Report
from relay.engine.state import Changes, NotLoaded
from relay.engine.step import step
from relay.engine.take import Take
from relay.errors import RelayError
from tests.engine.life.configurations import LifeSettings, usual
from tests.engine.life.invariants import Invariants
from tests.engine.life.reading import Loading, copied
from tests.support.memory import Memory

REFUSED, IN_PARTS, TWICE = 0.02, 0.02, 0.01  # of the commits, or of the steps
MOST_LOADS = 3000  # of one step


Asked = list[tuple[Event, Sequence[Target]]]


@dataclass
class Partition:
    """Decides entries as its owner does. `watch` looks at each step: entry, state before it, changes, answer."""

    now: int  # ms
    memory: Memory = field(default_factory=Memory)
    settings: LifeSettings = field(default_factory=usual)
    pick: Random = field(default_factory=Random)
    asked: Asked = field(default_factory=list)  # what the settings were asked for in the newest step
    trace: list[tuple[int, Any, Any]] = field(default_factory=list)  # time, entry, answer
    watch: list[Callable[[Any, Memory, Any], None]] = field(default_factory=list)
    newest: Changes = field(default_factory=Changes)  # of the newest commit

    def __post_init__(self) -> None:
        self.invariants = Invariants(self.memory)

    def decide(self, entry: Any) -> Any:
        """Step and commit; return the answer. An error of the domain is raised, and nothing has changed."""
        return self.decide_all([entry])[0]

    def decide_all(self, batch: Sequence[Any]) -> list[Any]:
        """Step several entries and commit them as one."""
        self.memory.forget(self.now)
        if self.pick.random() < REFUSED:  # thrown away: nothing of it may be left
            self._decided(batch)
            self.now += self.pick.choice([0, 1, 700])
        whole, answers = self._decided(batch)
        for entry, answer, asked in zip(batch, answers, self._asked, strict=True):
            self.trace.append((self.now, entry, answer))
            self.asked = asked
            for watch in self.watch:
                watch(entry, self.memory, answer)
        self.memory.apply(whole, self.now)
        self.newest = whole
        self.invariants.check(whole, self.now)
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return answers

    def _decided(self, batch: Sequence[Any]) -> tuple[Changes, list[Any]]:
        self._asked: list[Asked] = []
        if len(batch) == 1:
            return self._step(self.memory, batch[0])
        whole, answers = Draft(self.memory, self.now), list[Any]()
        alone = copied(self.memory)
        for entry in batch:
            changes, answer = self._step(whole, entry)
            whole.take(changes)
            alone.apply(self._outcome(alone, entry)[0], self.now)
            answers += answer
        together = copied(self.memory)
        together.apply(whole.changes, self.now)
        assert_same(together, alone)
        return whole.changes, answers

    def _step(self, state: Any, entry: Any) -> tuple[Changes, list[Any]]:
        changes, answer = self._outcome(state, entry)
        self._asked.append([*self.settings.asked])
        if state is self.memory and (chance := self.pick.random()) < IN_PARTS + TWICE:
            again = self._in_parts(entry) if chance < IN_PARTS else self._outcome(state, entry)
            assert changes == again[0], f"not the same again: {entry}"
            assert repr(answer) == repr(again[1]), f"not answered the same again: {entry}"
        return changes, [answer]

    def _in_parts(self, entry: Any) -> tuple[Changes, Any]:
        loading = Loading(self.memory)
        for _ in range(MOST_LOADS):
            try:
                outcome = self._outcome(loading, entry)
            except NotLoaded as asked:
                loading.load(asked)
            else:
                changed = loading.changed_in_place()
                assert not changed, f"changed without a draft: {changed}"
                return outcome
        raise AssertionError(f"asks for more and more: {entry}")

    def _outcome(self, state: Any, entry: Any) -> tuple[Changes, Any]:
        self.settings.asked.clear()
        try:
            return step(state, entry, self.now, self.settings)
        except RelayError as error:
            return Changes(), error


def assert_same(one: Memory, other: Memory) -> None:
    """Entries of one commit lead to what they lead to one by one."""
    for part in ("records", "tables", "logs", "streams", "counts"):
        assert getattr(one, part) == getattr(other, part), f"in one commit, {part} are not what they are one by one"
    for name in one.indexes | other.indexes:
        scores = [getattr(memory.indexes.get(name), "scores", {}) for memory in (one, other)]
        assert scores[0] == scores[1], f"in one commit, {name} is not what it is one by one"


def brief(now: int, entry: Any, answer: Any) -> str:
    """Describe a step in a line."""
    if isinstance(entry, Take):
        taken = [f"{x.kind} {x.id} {x.event.name} at {x.destination} in {x.lane}, attempt {x.attempt}, {x.thread}"
                 f"{', doubted' if x.unknown else ''}" for x in answer.deliveries]  # fmt: skip
        return f"{now} Take({entry.channel}, {entry.most}, {entry.ticket}) → {taken}, next in {answer.next_due}"
    if not isinstance(entry, Report):
        return f"{now} {entry} → {answer}"
    event = entry.event
    run = event.operation
    what = f"{event.own_id} of {event.subject} in {event.member_of}, run {event.retry}, {event.tenant}, id {event.id!r}"
    state = f"{run.status} {run.percentage} {run.phase} {run.started}" if run else ""
    targets = "" if entry.targets is None else f" for {[target.destination for target in entry.targets]}"
    return f"{now} Report({event.name} of {event.source}: {what}: {state} at {event.occurred_at}{targets}) → {answer}"
