"""Requests of sources, by outcome."""

from relay import metrics
from relay.store import Store
from tests.support.clock import Clock
from tests.support.console import Open, console


async def test_what_a_source_was_refused_is_counted_by_reason(store: Store, clock: Clock) -> None:
    async with console(store, clock) as page:
        before = await _refused(page)
        metrics.events.labels("progress", "unsigned").inc(2)
        assert await _refused(page) == before + 2
        first, german = await page.page("/now?lang=en"), await page.page("/now?lang=de")

    assert f"{before + 2} signature missing, wrong or too old</a>" in first
    assert 'href="/console/quarantine?source=progress"' in first
    assert "Signatur fehlt, ist falsch oder zu alt" in german


async def _refused(page: Open) -> int:
    rows = {row["name"]: row["refused"] for row in (await page.api("/now"))["sources"]}
    return int(rows["progress"].get("unsigned", 0))
