"""A partition in memory, where events come one by one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from relay.domain.deliveries import Accepted, Target
from relay.domain.events import Event
from relay.domain.permissions import Permissions
from relay.engine import names
from relay.engine.draft import Draft
from relay.engine.intake import Report
from relay.engine.records import Operation
from relay.engine.step import step
from tests.support.memory import Memory
from tests.support.targets import mail, team

SECOND, MINUTE, DAY = 1000, 60_000, 86_400_000
START = 1_705_749_600_000  # ms; 2024-01-20T11:20:00Z, inside the seed's own day


@dataclass
class Partition:
    """`rules` give the targets of an event; `asked`: whether one has the condition `changes`."""

    rules: Callable[[Event], Sequence[Target]] = lambda _: ()
    asked: bool = False
    job: str = ""
    max_jobs: int = 100
    without_files: frozenset[str] = frozenset()  # sources
    now: int = START
    memory: Memory = field(default_factory=Memory)
    routed: list[Event] = field(default_factory=list)  # events as the rules saw them, the newest last

    def targets(self, event: Event) -> Sequence[Target]:
        self.routed.append(event)
        return self.rules(event)

    def targets_at(self, name: str, _event: Event) -> Sequence[Target]:
        return [team(destination=name, address=f"#{name}"), mail()] if name == "lead" else [team()]

    def brings_files(self, source: str) -> bool:
        return source not in self.without_files

    def asks(self, _condition: str) -> bool:
        return self.asked

    @property
    def d(self) -> Draft:
        """What is known now, to look at."""
        self.memory.forget(self.now)
        return Draft(self.memory, self.now)

    def do(self, entry: Any) -> Any:
        """Decide, twice: a step that has to read more runs again, and nothing but its changes may be left of it."""
        self.memory.forget(self.now)
        routed = [*self.routed]
        first, _ = step(self.memory, entry, self.now, self)
        self.routed = routed
        changes, answer = step(self.memory, entry, self.now, self)
        assert changes == first, f"{type(entry).__name__} decides otherwise when it runs again"
        self.memory.apply(changes, self.now)
        return answer

    def report(
        self, event: Event, targets: Sequence[Target] | None = None, permissions: Permissions | None = None
    ) -> Accepted:
        accepted: Accepted = self.do(Report(event, targets, permissions))
        return accepted

    def statuses(self, *events: Event) -> list[str]:
        return [self.report(event).status for event in events]

    def operation(self, subject: str = "", space: str = "") -> Operation:
        subject = subject or next(o.subject for o in self.memory.records.values() if isinstance(o, Operation))
        o = self.d.get(Operation, names.operation(subject, space))
        assert o
        return o
