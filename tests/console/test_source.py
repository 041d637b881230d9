"""A source: how it signs, and what became of its requests."""

from relay import metrics
from relay.store import Store
from tests.support.clock import Clock
from tests.support.console import console


async def test_what_a_source_was_refused_is_counted_by_reason(store: Store, clock: Clock) -> None:
    async with console(store, clock) as page:
        before = (await page.api("/source?name=progress"))["refused"].get("unsigned", 0)
        metrics.events.labels("progress", "unsigned").inc(2)
        facts, html = await page.api("/source?name=progress"), await page.page("/source?name=progress&lang=de")
        first, now = await page.page("/now?lang=en"), await page.api("/now")

    assert facts["scheme"] == "token"
    assert facts["refused"]["unsigned"] == before + 2
    assert "Signatur fehlt, ist falsch oder zu alt" in html
    assert 'href="/console/quarantine?source=progress"' in html
    assert f"{before + 2} signature missing, wrong or too old</a>" in first
    assert facts["refused"] in [row["refused"] for row in now["sources"]]


async def test_a_name_that_no_source_has_leads_to_those_there_are(store: Store, clock: Clock) -> None:
    async with console(store, clock) as page:
        async with page.client.get(page.server.make_url("/console/source?name=nobody")) as response:
            html = await response.text()
        assert response.status == 404
        assert 'href="/console/source?name=async-operations"' in html
