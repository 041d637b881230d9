"""What waits of one operation, by destination."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from relay.console.desk import Desk
from relay.domain.facts import Space
from relay.store import keys
from relay.store.lanes import Lanes, Place


async def waiting_of(desk: Desk, id_: str, space: Space, timeline: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """The ids of its deliveries that wait, by destination. `timeline` says to which addresses there were any."""
    queued = {(line["destination"], line["address"]) for line in timeline if line["what"] == "queued"}
    return await Lanes(desk.store, partial=True).waiting(id_, space, {*_places(desk, queued)})


def _places(desk: Desk, queued: Iterable[tuple[str, str]]) -> Iterator[Place]:
    """Each with every home that it may have: the destination may have had another channel, and its channel other limits
    (relay/store/target_plan.py)."""
    for channel in desk.config().channels:
        reader_of = getattr(desk.kinds.get(channel), "reader_of", str)
        for name, address in queued:
            for home in {keys.home(channel, text) for text in (address, "", reader_of(address))}:
                yield home, name, address
