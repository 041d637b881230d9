"""What a source was refused: each reason with what it means and what to do."""

from relay.console.views.refusals import REASONS, WORDS
from relay.receiving.refusals import REASONS as BY_STATUS
from relay.receiving.refusals import Refusals as Collected
from relay.store import Store
from relay.store.refusals import Refusals
from tests.support.clock import Clock
from tests.support.console import console

OF_BODIES = {"signature_missing", "signature_wrong", "signature_old", "reach", "early", "time", "fault"}


async def refuse(store: Store, clock: Clock, *refused: tuple[str, str, str]) -> None:
    collected = Collected(clock)
    for source, reason, quarantined in refused:
        collected.add(source, reason, lambda: "192.0.2.1", quarantined)
    await Refusals(store.redis).write(collected)


async def test_each_reason_says_what_it_means_and_what_to_do(store: Store, clock: Clock) -> None:
    wrong = ("async-operations", "signature_wrong", "")
    await refuse(store, clock, wrong, wrong, ("async-operations", "invalid", "q-1f"), ("progress", "time", "q-2"))
    async with console(store, clock) as page:
        facts = await page.api("/source?name=async-operations")
        html = await page.page("/source?name=async-operations")

        assert {row["reason"]: row["count"] for row in facts["refused"]} == {"signature_wrong": 2, "invalid": 1}
        assert "another secret, or the body was changed on its way" in html
        assert "Compare the secret on both sides." in html
        assert 'href="/console/quarantined?id=q-1f"' in html
        assert "192.0.2.1" in html


async def test_what_came_to_no_source_is_shown_too(store: Store, clock: Clock) -> None:
    await refuse(store, clock, ("", "unknown_source", ""))
    async with console(store, clock) as page:
        assert "There is no source of this name" in await page.page("/source")


async def test_a_name_that_no_source_has_leads_to_those_there_are(store: Store, clock: Clock) -> None:
    async with console(store, clock) as page:
        async with page.client.get(page.server.make_url("/console/source?name=nobody")) as response:
            html = await response.text()
        assert response.status == 404
        assert 'href="/console/source?name=async-operations"' in html


def test_every_reason_that_is_counted_is_explained() -> None:
    assert {*BY_STATUS.values(), *OF_BODIES} == REASONS.keys() == WORDS.keys()


async def test_the_first_page_leads_to_a_source_that_was_refused(store: Store, clock: Clock) -> None:
    await refuse(store, clock, ("progress", "signature_wrong", ""))
    async with console(store, clock) as page:
        html = await page.page("/now")
        assert '<a href="/console/source?name=progress"><span class="badge warn">1 signature wrong</span></a>' in html
        (row,) = [row for row in (await page.api("/now"))["sources"] if row["refused_today"]]
        assert (row["name"], row["refused_today"]) == ("progress", {"signature_wrong": 1})
