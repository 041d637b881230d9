"""A partition, the processes that own it in turn, and a platform that reports to it: the dice decide what is next."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any

from relay.domain.deliveries import Accepted, Delivery, Hold, Target, Window
from relay.domain.events import Event
from relay.domain.parsing import load, parse
from relay.engine import records, withholding
from relay.engine.bodies import text_of
from relay.engine.draft import Draft
from relay.engine.intake import Report
from relay.engine.parking import Announce
from relay.engine.receipts import Lapse
from relay.engine.records import Thread
from relay.engine.take import Take, Taken
from relay.errors import InvalidEvent
from relay.policy.destinations import quiet_now
from relay.policy.silences import Silence, Silences
from relay.policy.silences import load as load_silence
from tests.engine.life.configurations import QUEUES, LifeSettings, usual
from tests.engine.life.handing_out import HandOuts
from tests.engine.life.partition import Partition
from tests.engine.life.record import Attempt, Dead, Record
from tests.engine.life.senders import Message, Sender
from tests.engine.life.workers import Work
from tests.support.memory import Memory

APART = 1100  # ms between two messages: runs that begin in one second are one by their times
PACES = (0, 100, 400, 1000, 9000)  # ms between two steps
BEGIN = 1_790_851_000_000  # ms; a while before quiet hours


@dataclass
class Process:
    """`term`: what its tickets begin with. One that owns no more goes on with what it has begun."""

    term: int
    works: list[Work] = field(default_factory=list)


class World:
    """One life. Each of its steps has dice of its own, so that it is the same step where others are left out."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.pick = Random(seed)
        self.record = Record()
        self.partition = Partition(BEGIN + self.pick.randrange(3_600_000), pick=self.pick)
        self.partition.watch += [self._seen, HandOuts(self).seen]
        self.unanswered: list[Message] = []
        self.answered: list[Message] = []
        self.standing: list[Delivery] = []  # live messages with buttons
        self.stuck: list[Work] = []
        self.on_their_way: list[Attempt] = []  # messages of processes that died meanwhile
        self.former: list[Process] = []
        self.owner = Process(1)
        self.settings_changed = False
        self._hand_outs = 0
        self._sender = Sender(self.pick, lambda: self.now / 1000)
        self._silences: tuple[tuple[tuple[str, int], ...], Silences] = (), Silences()
        self.decide(Announce(usual().addresses))

    @property
    def now(self) -> int:
        return self.partition.now

    @property
    def memory(self) -> Memory:
        return self.partition.memory

    def decide(self, entry: Any) -> Any:
        return self.partition.decide(entry)

    def advance(self, ms: int) -> None:
        self.partition.now += ms

    def configure(self, settings: LifeSettings) -> None:
        """Go by another configuration from now on."""
        self.settings_changed |= settings is not self.partition.settings
        self.partition.settings = settings

    def begin(self, number: int) -> None:
        """Throw the dice of this step."""
        self.pick = self.partition.pick = self._sender.platform.pick = Random(self.seed * 100_003 + number)

    def step(self, befall: Callable[["World"], None]) -> None:
        """One entry of somebody, or something that befalls them."""
        self.advance(self.pick.choice(PACES))
        match self.pick.random():
            case chance if chance < 0.32:
                self._send()
            case chance if chance < 0.5:
                self.take()
            case chance if chance < 0.82:
                self._work()
            case _:
                befall(self)

    # Senders

    def _send(self) -> None:
        messages = [self._message() for _ in range(self.pick.choice([1, 1, 1, 2, 3]))]
        answers = self.pick.random() >= 0.05  # else the commit stands, and nobody hears of it
        with suppress(InvalidEvent):
            self.partition.decide_all([Report(self._event(message)) for message in messages])
        for message in messages if answers else ():
            if message in self.unanswered:  # it may be sent twice at once
                self.unanswered.remove(message)
            self.answered.append(message)

    def _message(self) -> Message:
        self.advance(APART)
        again = self.unanswered and self.pick.random() < 0.3
        message = self.unanswered.pop(0) if again else self._sender.message()
        self.unanswered.append(message)
        return message

    def send(self, message: Message) -> Accepted:
        """Send a message that nobody has answered, or once more."""
        accepted: Accepted = self.decide(Report(self._event(message)))
        return accepted

    def _event(self, message: Message) -> Event:
        received = datetime.fromtimestamp(self.now / 1000, UTC)
        return parse(message.document, source=message.source, received_at=received, delivery_id=message.id)

    def report(self, event: Event, targets: Sequence[Target] | None = None) -> None:
        """Report what somebody else than a sender makes."""
        with suppress(InvalidEvent):
            self.decide(Report(event, targets))

    def _seen(self, entry: Any, _: Memory, answer: Any) -> None:
        if isinstance(entry, Report) and isinstance(answer, Accepted) and answer.status == "accepted":
            if entry.targets is not None:
                self.record.accepted(entry.event, entry.targets, answer)
            else:
                event, targets = self.partition.asked[0]
                self.record.accepted(event, targets, answer)
        if isinstance(answer, Accepted) and answer.member and answer.member.status == "accepted":
            [(own, targets)] = [asked for asked in self.partition.asked[1:] if asked[0].name == "operation.failed"]
            self.record.accepted(own, targets, answer.member)

    # Processes

    def take(self) -> None:
        taken = self.taken(self.pick.choice(QUEUES), self.pick.choice([1, 3, 20]))
        self.owner.works += [Work(self, delivery) for delivery in taken.deliveries]
        self.standing += [one for one in taken.deliveries if one.kind == "live"]

    def taken(self, channel: str, most: int) -> Taken:
        self._hand_outs += 1
        taken: Taken = self.decide(Take(channel, most, f"{self.owner.term}.{self._hand_outs}", self.quiet()))
        return taken

    def quiet(self) -> dict[str, Window]:
        config = self.partition.settings.config
        return quiet_now(config.destinations, config.destination_defaults, self.now / 1000)

    def _work(self) -> None:
        processes = [process for process in (self.owner, self.owner, *self.former) if process.works]
        if not processes:
            return
        process = self.pick.choice(processes)
        work = self.pick.choice(process.works)
        work.step(self.pick)
        if work.done:
            process.works.remove(work)

    def hand_over(self) -> None:
        """The owner gives its partition away, and brings what flies to its end."""
        for work in self.owner.works:
            work.give_back()
        self.former.append(self.owner)
        self._next_owner()

    def lose(self) -> None:
        """The owner freezes past its lease. What it has begun goes on when it wakes, and nothing else."""
        term = self.owner.term
        self.owner.works = [work for work in self.owner.works if work.attempt]
        self.former.append(self.owner)
        self._next_owner()
        self.decide(Lapse(f"{term}."))

    def die(self, process: Process) -> None:
        """A process forgets everything. What is on its way may arrive all the same."""
        if process is self.owner:
            self._next_owner()
        else:
            self.former.remove(process)
        for work in process.works:
            if work.late and work.attempt and self.pick.random() < 0.6:
                self.on_their_way.append(work.attempt)
        self.decide(Lapse(f"{process.term}."))

    def _next_owner(self) -> None:
        self.owner = Process(self.owner.term + 1)
        for process in self.former:
            process.works = [work for work in process.works if work.attempt and not work.done]

    # The other side

    def arrive(self, attempt: Attempt) -> None:
        self.record.arrived(attempt)

    def standing_message(self, delivery: Delivery) -> Attempt | None:
        """Return what the channel finds of a message that may have arrived."""
        for attempt in reversed(self.record.attempts):
            its = attempt.delivery
            same = (
                its.lane == delivery.lane and its.kind == "live" if delivery.kind == "live" else its.id == delivery.id
            )
            if same and attempt.number >= 0 and not its.edits:
                return attempt
        return None

    # What is in the state

    def kept_kind(self, id_: str) -> str:
        """Return what kind of delivery this is by now; '' where it is gone."""
        x = self.memory.record(records.Delivery, id_)
        return x.kind if x else ""

    def silences(self) -> Silences:
        kept = tuple((id_, ends) for ends, id_ in self.memory.ascending(records.SILENCES) if ends > self.now)
        if kept != self._silences[0]:
            self._silences = kept, Silences([self._silence(id_, ends) for id_, ends in kept])
        return self._silences[1]

    def _silence(self, id_: str, ends: int) -> Silence:
        kept = self.memory.record(withholding.Silence, id_)
        assert kept
        return load_silence(id_, kept.text, ends / 1000)

    def hold(self, delivery: Delivery) -> Hold | None:
        return self.silences().hold(delivery, self.now / 1000, self.partition.settings.job)

    def dead(self, ids: Sequence[str] | None = None) -> list[Dead]:
        """Return dead letters, with what they would show."""
        names = [name for _, name in self.memory.ascending(records.DEAD)] if ids is None else ids
        return [self._dead(x) for name in names if (x := self.memory.record(records.Delivery, name))]

    def _dead(self, x: records.Delivery) -> Dead:
        rows = self.memory.table(records.rows(x.lane if x.kind == "rolling" else x.name))
        documents = self.memory.table(records.documents(x.operation)) if x.kind == "live" else {}
        text = text_of(Draft(self.memory, self.now), x) or next(iter(documents.values()), b"")
        event = load(text) if text else None
        return Dead(x.name, x.kind, x.operation, x.destination, x.address, event, [_row(row) for row in rows.values()])

    def thread(self, lane: str) -> Thread | None:
        return self.memory.record(Thread, lane)


def _row(text: bytes) -> dict[str, Any]:
    from pydantic_core import from_json

    row: dict[str, Any] = from_json(text)
    return row
