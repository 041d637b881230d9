"""Three processes on one Redis and a platform that reports to them: who does what next, the dice decide."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random

from relay.background.upkeep import SilenceWatch
from relay.background.watchdog import WatchdogTick
from relay.channels import CHANNELS
from relay.domain.deliveries import Delivery, Window
from relay.domain.parsing import parse
from relay.errors import StoreUnavailable
from relay.ingest import Ingest
from relay.policy.destinations import quiet_now
from relay.policy.silences import Silences
from relay.store.silences import SilenceList
from tests.support.clock import Clock
from tests.support.life.losses import LifeStore
from tests.support.life.record import Record
from tests.support.life.senders import Message, Platform
from tests.support.life.settings import CONFIG, QUEUES
from tests.support.life.workers import Work

PROCESSES, LOSSES, INTERRUPTIONS = 3, 0.03, 0.15


@dataclass
class Process:
    store: LifeStore
    ingest: Ingest
    watchdog: WatchdogTick
    silences: SilenceWatch
    works: list[Work] = field(default_factory=list)


class World:
    """One life, decided by its seed. `opens` makes the store of a process."""

    def __init__(self, opens: Callable[..., LifeStore], clock: Clock, seed: int) -> None:
        self.clock = clock
        self.pick = Random(seed)
        self.record = Record()
        self.set_back = 0.0  # seconds by which relay's clock is behind; the platform's own is right
        self.unanswered: list[Message] = []
        self.standing: list[Delivery] = []  # live messages with buttons
        self._platform = Platform(self.pick, lambda: clock() + self.set_back)
        self._opens = opens
        self._started = 0
        self._interrupted = False  # an interruption is not interrupted
        self.processes = [self.start() for _ in range(PROCESSES)]

    def start(self, losses: float = LOSSES) -> Process:
        """A new process, with nothing in its memory."""
        self._started += 1
        name = f"worker-{self._started}"
        store = self._opens(self.record, self.pick, self._meanwhile, losses=losses, clock=self.clock, worker=name)
        watch = SilenceWatch(Silences(), SilenceList(store), clock=self.clock)
        ingest = Ingest(store, lambda: CONFIG, CHANNELS, clock=self.clock, silences=watch.silences)
        return Process(store, ingest, WatchdogTick(store, ingest.ingest, lambda: CONFIG, CHANNELS), watch)

    def crash(self, process: Process) -> None:
        """It forgets everything: what it had claimed, what it had begun, what it knew to have arrived."""
        self.processes[self.processes.index(process)] = self.start()

    async def step(self, befall: Callable[["World", Process], Awaitable[None]]) -> None:
        """One call of somebody, or something that befalls them."""
        self.clock.advance(self.pick.random() / 2)
        process = self.pick.choice(self.processes)
        with suppress(StoreUnavailable):  # its caller does it again, or somebody else does
            match self.pick.random():
                case chance if chance < 0.3:
                    await self._send(process)
                case chance if chance < 0.5:
                    await self._claim(process)
                case chance if chance < 0.82:
                    await self._work(process)
                case _:
                    await befall(self, process)

    async def _meanwhile(self) -> None:
        """Between two calls of one process, another one takes an event."""
        if not self._interrupted and self.pick.random() < INTERRUPTIONS:
            self._interrupted = True
            with suppress(StoreUnavailable):
                await self._send(self.pick.choice(self.processes))
            self._interrupted = False

    async def _send(self, process: Process) -> None:
        again = self.unanswered and self.pick.random() < 0.3
        message = self.unanswered.pop(0) if again else self._platform.message()
        self.unanswered.append(message)
        await self.send(process, message)

    async def send(self, process: Process, message: Message) -> None:
        """One request of a sender, which keeps the message until it has an answer."""
        received = datetime.fromtimestamp(self.clock(), UTC)
        event = parse(message.document, source=message.source, received_at=received, delivery_id=message.id)
        await process.ingest.ingest(event)
        if message in self.unanswered:  # it may be sent twice at once
            self.unanswered.remove(message)

    async def _claim(self, process: Process) -> None:
        claimed = await process.store.claim(self.pick.choice(QUEUES), self.pick.choice([1, 3, 20]), self.quiet())
        process.works += [self.work(process, delivery) for delivery in claimed.deliveries]
        self.standing += [one for one in claimed.deliveries if one.kind == "live"]

    def quiet(self) -> dict[str, Window]:
        return quiet_now(CONFIG.destinations, CONFIG.destination_defaults, self.clock())

    def work(self, process: Process, delivery: Delivery) -> Work:
        return Work(process.store, delivery, self.record, self.clock, process.silences.silences.hold)

    async def _work(self, process: Process) -> None:
        if process.works:
            work = self.pick.choice(process.works)
            await work.step(self.pick)
            if work.done:
                process.works.remove(work)
