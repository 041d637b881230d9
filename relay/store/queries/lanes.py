"""Waiting deliveries of one operation or batch, by the queues of its addresses."""

from collections.abc import Collection

from relay.domain.facts import Space
from relay.engine import names
from relay.engine.records import HELD, MAIN, REPLIES, Thread, behind
from relay.store.queries.questions import Questions
from relay.store.queries.reader import Span
from relay.store.queries.spaces import Spaces

MOST = 100  # deliveries that are named of one queue
QUEUES = (MAIN, REPLIES, HELD)

Place = tuple[str, str, str]  # the home of what is sent there, destination, address


class Lanes(Questions):
    async def waiting(self, subject: str, space: Space, places: Collection[Place]) -> dict[str, list[str]]:
        """The ids of its deliveries that wait, by destination, in their order; AmbiguousId as of `Admin.timeline`.

        Of a place whose home is not known each that it may have is named: where there is none, nothing waits.
        """
        subject, whose = await Spaces(self._store).meant(subject, space)
        if whose is None:
            return {}
        lanes = {names.lane(home, subject, name, at, whose): name for home, name, at in sorted({*places})}
        threads = await self._named(Thread, [*lanes])
        queues = [(lane, queue) for lane in threads for queue in QUEUES]
        others = await self._reader.members([Span(behind(*queue), MOST) for queue in queues])
        waits: dict[str, list[str]] = {}
        for (lane, queue), more in zip(queues, others, strict=True):
            if ids := [*threads[lane].queues.get(queue, ()), *(id_ for id_, _ in more)]:
                waits.setdefault(lanes[lane], []).extend(ids[:MOST])
        return waits
