"""Dead letters page by page: nothing twice, nothing left out."""

import pytest

from relay.store import Store
from relay.store.queries.dead_letters import DeadPages
from tests.support import events
from tests.support.clock import Clock
from tests.support.queue import accept, claim
from tests.support.targets import room


async def bury(store: Store, *subjects: str, reason: str = "rejected") -> None:
    """A completion of each, which Slack refuses for good."""
    for subject in subjects:
        await accept(store, events.completed(operationId=subject), to=room())
        for delivery in await claim(store):
            await store.dead_letter(delivery, reason, "channel_not_found")


async def pages(store: Store, limit: int, **which: object) -> list[list[str]]:
    """Whose they are, page by page."""
    listed, cursor = list[list[str]](), ""
    while True:
        page = await DeadPages(store).page(limit=limit, cursor=cursor, **which)  # type: ignore[arg-type]
        listed.append([letter.subject for letter in page.rows])
        if not (cursor := page.cursor):
            return listed


@pytest.mark.parametrize("seconds", [1, 0])
async def test_pages_of_dead_letters_follow_each_other(store: Store, clock: Clock, seconds: int) -> None:
    for number in range(5):
        await bury(store, f"op-{number}")
        clock.advance(seconds)  # else all died in the same moment

    listed = await pages(store, 2)

    assert [len(page) for page in listed] == [2, 2, 1]
    assert sorted(name for page in listed for name in page) == [f"op-{number}" for number in range(5)]
    if seconds:
        assert listed[0] == ["op-4", "op-3"]
    assert await DeadPages(store).count() == 5
