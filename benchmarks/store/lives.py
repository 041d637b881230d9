"""The lives of operations that every figure is taken of, told to the store in batches of a known size.

All operations move in step: each batch holds the same moment of different operations, so nothing is ever late.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from relay.domain.deliveries import Limit, Receipt, Target
from relay.domain.events import Event
from relay.store import Store
from tests.support import events
from tests.support.clock import Clock
from tests.support.targets import mail, team

Moment = tuple[str, float]  # the name of an event, and its percentage
Audience = Callable[[int, Moment], Sequence[Target]]  # who hears of this moment of an operation

STEP = 30  # seconds from one event of an operation to its next
PLENTY = 1e-3  # seconds between two calls: limits are asked as always, and nobody has to wait for them

PROGRESS: tuple[Moment, ...] = tuple(("operation.progress", percentage) for percentage in range(0, 100, 10))
OUTCOME: Moment = ("operation.completed", 100)
SHORT_RUN: tuple[Moment, ...] = (("operation.started", 0), OUTCOME)
RUN: tuple[Moment, ...] = (
    ("operation.started", 0),
    *(("operation.progress", percentage) for percentage in range(0, 95, 5)),
    OUTCOME,
)
STATUSES = {"operation.started": "Initiated", "operation.progress": "Running", "operation.completed": "Completed"}


def nobody(_operation: int, _moment: Moment) -> Sequence[Target]:
    return ()


def live(operation: int, _moment: Moment) -> Sequence[Target]:
    """A live message in a conversation of its own: operations that share one would wait for each other."""
    address = f"#team-{operation}"
    limits = (Limit(f"post:{address}", PLENTY),)
    return (team(address=address, new_limits=limits, edit_limits=(Limit("edit", PLENTY, 1000),)),)


def live_and_mail(operation: int, moment: Moment) -> Sequence[Target]:
    """The same, and a mail with the outcome."""
    return (*live(operation, moment), mail()) if moment == OUTCOME else live(operation, moment)


def event(subject: str, moment: Moment, sent: float, received: float) -> Event:
    """One of the API's own documents, with an id of its sender's."""
    name, percentage = moment
    document = events.body(name, percentage, operationId=subject, status=STATUSES[name])
    document["timestamp"] = datetime.fromtimestamp(sent, UTC).isoformat()
    return events.event_of(document, id=f"evt-{subject}-{name}-{percentage}", at=datetime.fromtimestamp(received, UTC))


class Lives:
    """These moments of so many operations, rounded up to whole batches."""

    def __init__(
        self, store: Store, clock: Clock, moments: Sequence[Moment], operations: int, batch: int, *, name: str = "op"
    ) -> None:
        self.operations = -(-operations // batch) * batch
        self.events = self.operations * len(moments)
        self._store = store
        self._clock = clock
        self._moments = moments
        self._batch = batch
        self._name = name
        self._began = clock.now

    async def tell(self, audience: Audience = nobody, *, deliver: bool = False, again: bool = False) -> None:
        """Each event once; with `deliver`, what a batch makes due goes out before the next batch comes.

        `again`: all of them were told before, and are received once more.
        """
        for step, moment in enumerate(self._moments):
            for first in range(0, self.operations, self._batch):
                batch = range(first, first + self._batch)
                sent, received = self._began + step * STEP, self._clock.now
                pairs = [
                    (event(f"{self._name}-{number}", moment, sent, received), audience(number, moment))
                    for number in batch
                ]
                # Calls that come together travel together: each batch is one script.
                answers = await asyncio.gather(*(self._store.accept(*pair) for pair in pairs))
                statuses = {answer.status for answer in answers}
                assert statuses == {"duplicate" if again else "accepted"}, statuses
                if deliver:
                    for channel in sorted({target.channel for _, targets in pairs for target in targets}):
                        await self._deliver(channel)
            self._clock.advance(STEP)

    async def _deliver(self, channel: str) -> None:
        claimed = (await self._store.claim(channel, self._batch)).deliveries
        assert len(claimed) == self._batch, f"{len(claimed)} of {self._batch} deliveries were due"
        assert all(await asyncio.gather(*map(self._store.mark_sending, claimed)))
        receipts = [Receipt("C1/1.1", {"channel": "C1", "ts": f"1.{delivery.event.subject}"}) for delivery in claimed]
        assert all(await asyncio.gather(*map(self._store.complete, claimed, receipts)))
