"""The first page: what runs, and what stands in the way."""

from relay.store import Store
from tests.support.clock import Clock
from tests.support.console import console
from tests.support.events import body, event_of


async def test_shows_what_runs_with_how_far_it_is(store: Store, clock: Clock) -> None:
    async with console(store, clock) as open_console:
        await open_console.ingest.ingest(event_of(body("operation.progress", 67)))
        page = await open_console.page("/now")
        assert "operation?id=op-" in page
        assert 'value="67.0"' in page
        facts = await open_console.api("/now")
        assert facts["running"] == 1
        assert facts["runs"][0]["percentage"] == 67


async def test_speaks_german_to_who_reads_it(store: Store, clock: Clock) -> None:
    async with console(store, clock, role="viewer") as open_console:
        page = await open_console.page("/now", **{"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"})
        assert '<html lang="de">' in page
