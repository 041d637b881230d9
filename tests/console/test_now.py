"""The first page: what fails, what runs, and what needs attention."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from relay import metrics
from relay.console.pages import maker
from relay.console.views.now import NowFacts
from relay.domain.jobs import Alarm, Alarms, Job
from relay.engine.records import MISSING
from relay.policy.missing import Missing
from relay.policy.notices import REFUSED, Cause, Trouble, Troubles
from relay.policy.retry import Pause
from relay.receiving.probes import Readiness
from relay.store import Store
from relay.store.queries.runs import TroubleMemory
from tests.support.clock import Clock
from tests.support.console import Open, console, more_destinations, stage_config
from tests.support.events import body, event_of
from tests.support.queue import POSTED, claim_one, send, send_all


async def obstacle(page: Open, kind: str) -> Any:
    (found,) = [row for row in (await page.api("/now"))["obstacles"] if row["name"].startswith(kind)]
    return found


async def test_what_is_stalled_comes_first_with_what_is_wrong_and_since_when(page: Open, clock: Clock) -> None:
    for number in range(3):
        await page.take("progress", 5, "room", operationId=f"op-{number}")
    alarms = Alarms(open={"silent": Alarm(at=clock(), since=clock() - 1200)}, episode=1)
    stalled = body("operation.stalled", 5, operationId="op-1", status="Stalled") | {"tenantId": "room"}
    watch = {"was": "", "becomes": alarms.dump(), "open": True, "since": round((clock() - 1200) * 1000)}
    await page.ingest.ingest(replace(event_of(stalled, source="relay"), watch=watch))

    first = (await page.api("/now"))["runs"][0]
    html = await page.page("/now")

    assert (first["operation"], first["stalled"]) == ("op-1", "silent")
    assert first["stalled_since"].startswith("2024-01-20T11:00:00")
    assert first["trouble"] == "no event since"
    since = r" <time[^>]*>{}, 12:00:00</time>, <time[^>]*>{}"
    assert re.search("no event since" + since.format("20 Jan 2024", "20 min"), html)
    assert "No events" in html
    assert ("<b>2</b><span>running" in html, "<b>1</b><span>stalled" in html) == (True, True)


@pytest.mark.parametrize(
    ("counts", "tone", "says"),
    [
        ({}, "ok", "Everything is reaching people"),
        ({"stalled": 1, "failed": 15}, "bad", "1 run is stalled, 15 runs failed in the last 24 hours"),
        ({"stalled": 2}, "warn", "2 runs are stalled"),
        ({"failed": 3, "recovered": 1}, "bad", "3 runs failed in the last 24 hours, 1 of them works again"),
        ({"failed": 1, "recovered": 1}, "ok", "1 run failed in the last 24 hours, it works again"),
        ({"dead": 2, "failed": 2, "recovered": 2}, "bad",
         "2 messages became dead letters, 2 runs failed in the last 24 hours, all of them work again"),
    ],
)  # fmt: skip
def test_the_headline_counts_what_is_wrong_in_the_colour_of_the_gravest(
    counts: dict[str, int], tone: str, says: str
) -> None:
    facts = NowFacts(ready=True, checks={}, obstacles=[], durability="", **counts)
    assert (facts.headline.tone, ", ".join(facts.headline.sentences)) == (tone, says)


async def test_what_works_again_comes_below_what_fails_now_and_says_so(page: Open, clock: Clock) -> None:
    async def ends(status: str, name: str, number: int, priority: str = "Normal") -> None:
        clock.advance(60)
        run = {"operationId": f"op-{name}-{number}", "operationName": f"{name} {number}", "priority": priority}
        event = body(f"operation.{status.lower()}", 100, status=status, **run)
        await page.ingest.ingest(event_of(event | {"error": {"message": f"no {name}"}}))

    await ends("Failed", "Load", 1, "Critical")
    await ends("Failed", "Sync", 1)
    await ends("Completed", "Load", 2)
    await ends("Cancelled", "Load", 3)
    await ends("Completed", "Sync", 2)
    await ends("Failed", "Sync", 3)
    facts, html = await page.api("/now"), await page.page("/now")

    rows = [(row["name"], row["count"], row["recovered"]) for row in facts["failures"]]
    assert rows == [("Sync 3", 2, False), ("Load 1", 1, True)]
    assert (facts["failed"], facts["recovered"]) == (3, 1)
    assert html.index("Sync 3") < html.index("Load 1") < html.index("works again</span>") < html.index('id="runs"')


async def test_what_fails_comes_before_what_is_stalled_which_has_one_row_a_job(page: Open, clock: Clock) -> None:
    for number in range(3):
        name = {"operationId": f"op-{number}", "operationName": f"Load {number}"}
        await page.take("progress", 5, "room", **name)
        watch = {"was": "", "open": True, "since": round((clock() - 1200) * 1000)}
        watch["becomes"] = Alarms(open={"silent": Alarm(at=clock(), since=clock() - 1200)}, episode=1).dump()
        stalled = body("operation.stalled", 5, status="Stalled", **name) | {"tenantId": "room"}
        await page.ingest.ingest(replace(event_of(stalled, source="relay"), watch=watch))
    failed = body("operation.failed", 40, status="Failed", operationId="op-9", operationName="Sync")
    await page.ingest.ingest(event_of(failed | {"error": {"message": "no room"}}))

    html = await page.page("/now")

    assert html.count("no event since") == 1
    assert "3 × no event since" in html
    assert html.index("Sync") < html.index("3 × no event since") < html.index('id="runs"')


@pytest.mark.parametrize(
    ("url", "says"),
    [("https://github.com/acme/shop/actions/runs/7", "GitHub"),
     ("https://gitlab.acme.example/shop/-/pipelines/7", "GitLab"),
     ("https://runs.acme.example/7", "runs.acme.example")],
)  # fmt: skip
def test_a_link_says_whose_page_it_opens(url: str, says: str) -> None:
    assert maker(url) == says


async def test_an_expected_run_that_has_not_begun_stays_until_it_does(store: Store, clock: Clock) -> None:
    missing = Missing(Job("", "", "", "", "nightly"), clock() - 3600, clock() - 7200, expectation="nightly*")
    store.shared.memory.tables[MISSING] = {"00op": missing.dump().encode(), "01op": b"damaged"}
    async with console(store, clock) as page:
        row = await obstacle(page, "missing")
        assert (row["part"], row["since"]) == ("expected run of nightly*", "2024-01-20T10:20:00Z")
        assert "did not start" in await page.page("/now")


async def test_tells_in_words_what_operators_were_told(page: Open, clock: Clock) -> None:
    cause = Cause(REFUSED, "async-operations", clock() - 60, "unsigned", count=12, total=20)
    await TroubleMemory(page.context.store).keep("", Troubles(rows=(Trouble(cause, shown=clock()),)).dump())
    row = await obstacle(page, "refused")
    assert row["sentence"] == "12 of 20 requests of source async-operations were refused, mostly"
    assert (row["why"], row["page"]) == (
        "signature, token or password missing, wrong or too old",
        "/console/now#sources",
    )
    html = await page.page("/now")
    assert "were refused, mostly: signature, token or password missing, wrong or too old" in html


async def test_says_that_redis_is_away_where_it_is(store: Store, clock: Clock) -> None:
    async def readiness() -> Readiness:
        return Readiness(ready=False, checks={"redis": "no answer within 2 s", "durability": "unknown"})

    async with console(store, clock, readiness=readiness) as page:
        html = await page.page("/now")
    assert "relay takes no events now" in html
    assert "no answer within 2 s" in html


async def test_what_failed_in_the_last_day_comes_first_the_critical_ones_before_all_others(
    store: Store, clock: Clock
) -> None:
    async def well() -> Readiness:
        return Readiness(ready=True, checks={"redis": "ok"})

    async with console(store, clock, readiness=well) as page:
        for number, priority in enumerate(("Normal", "Critical", "High")):
            failed = body("operation.failed", 40, status="Failed", operationId=f"op-{number}", priority=priority)
            await page.ingest.ingest(event_of(failed, id=f"evt-{number}"))
        await page.take("completed", 100, "tenant-1", status="Completed")
        clock.advance(60)
        facts, html = await page.api("/now"), await page.page("/now")
        clock.advance(24 * 3600)
        later = await page.page("/now")

    assert [(row["operation"], row["priority"]) for row in facts["failures"]] == [
        ("op-1", "Critical"), ("op-2", "High"), ("op-0", "Normal"),
    ]  # fmt: skip
    assert "3 runs failed in the last 24 hours" in html
    assert html.index("operation?id=op-1") < html.index('id="runs"')
    assert "Everything is reaching people" not in html
    assert "Nothing was sent yet by slack, email" in later


async def test_what_failed_is_said_with_its_cause_who_was_told_and_a_link(
    store: Store, clock: Clock, tmp_path: Path
) -> None:
    config = more_destinations(
        tmp_path, "", 'platform: {links: {operation: "https://app.example.com/{operationId}"}}\n'
    )
    async with console(store, clock, config=config) as page:
        await page.take("progress", 70, "room", operationId="op-1")
        trace = "Traceback (most recent call last):\n  File 'a.py', line 1, in b\nsap.Gone: No answer"
        error = {"code": "E1", "message": trace, "host": "sap-1"}
        failed = body("operation.failed", 60, status="Failed", operationId="op-1") | {"tenantId": "room"}
        await page.ingest.ingest(event_of(failed | {"error": error}, id="evt-1"))
        await send_all(store, clock)
        (row,) = (await page.api("/now"))["failures"]
        operation, html = await page.api("/operation?id=op-1"), await page.page("/operation?id=op-1")

    assert (row["cause"], row["link"]) == ("Gone: No answer", "https://app.example.com/op-1")
    assert {"destination": "room", "state": "told"} in row["told"]
    assert (operation["error"], operation["percentage"], operation["link"]) == ("E1: Gone: No answer", 60, row["link"])
    assert operation["trace"] == f'{trace}\n\n{{\n  "host": "sap-1"\n}}'
    assert html.index("E1: Gone: No answer") < html.index("Who was told")


async def test_failures_of_one_cause_are_one_row(page: Open, store: Store, clock: Clock) -> None:
    async def fails(number: int, message: str) -> None:
        run = {"operationId": f"op-{number}", "operationName": f"Load {number}"}
        failed = body("operation.failed", 40, status="Failed", **run)
        error = {"error": {"message": message}} if message else {}
        await page.ingest.ingest(event_of(failed | {"tenantId": "room"} | error))

    await fails(0, "could not connect to db-7:5400")
    await send(store)  # the first alone is told
    for number in range(1, 12):
        clock.advance(1)
        await fails(number, f"could not connect to db-7:{5400 + number}")
    for number in range(20, 23):
        await fails(number, "")
    facts, html = await page.api("/now"), await page.page("/now")

    alike = [(row["name"], row["count"], [other["name"] for other in row["others"]]) for row in facts["failures"]]
    assert (facts["failed"], alike[0]) == (15, ("Load 11", 12, [f"Load {number}" for number in range(10, -1, -1)]))
    assert sorted(alike[1:]) == [(f"Load {number}", 1, []) for number in range(20, 23)]
    assert {"destination": "room", "state": "told"} in facts["failures"][0]["told"]
    assert "12 × could not connect to db-7:5411" in html
    assert "and 11 more" in html
    assert ">Load 0</a>" in html


async def test_a_run_without_a_type_begins_no_line_with_a_dot(page: Open) -> None:
    await page.take("failed", 40, "room", operationId="op-1", operationType="", status="Failed", operationName="Load")
    for path in ("/now", "/operations"):
        assert not re.search(r"<small>\s*(<span[^>]*>)?\s*·", await page.page(path)), path


async def test_a_digest_of_tomorrow_is_no_backlog(store: Store, clock: Clock, tmp_path: Path) -> None:
    config = more_destinations(
        tmp_path,
        '  morning: {email: [reader@example.com], mode: digest, at: "08:30"}\n',
        "  - {name: digests, events: ['operation.*'], notify: [morning]}\n",
    )
    async with console(store, clock, config=config) as page:
        await page.take("completed", 100, "tenant-1", status="Completed")
        facts = await page.api("/now")
        operation = await page.page(f"/operation?id={body()['operation']['operationId']}")
        clock.advance(24 * 3600)
        due = await page.api("/now")

    assert (facts["waiting"]["email"], facts["oldest_due"]) == (0, None)
    assert facts["pending"] > sum(facts["waiting"].values())
    assert due["waiting"]["email"] == 1
    assert re.search(r"included in the digest at <time[^>]*>21 Jan 2024, 08:30:00</time>", operation)


async def test_a_channel_that_gets_nothing_out_is_the_first_thing_shown(page: Open, store: Store, clock: Clock) -> None:
    before, gone = await page.api("/now"), "slack.com: name not known"
    await page.take("started", 0, "room")
    pause = Pause("channel:slack", 300.0, gone, probe=True)
    await store.reschedule(await claim_one(store), 300.0, gone, holds=[pause])
    failing = await page.api("/now")
    destinations, own = [await page.api(path) for path in ("/destinations", "/destination?name=room")]
    pages = [await page.page(path) for path in ("/now", "/destinations", "/destination?name=room")]
    clock.advance(300)
    await send(store, "slack", POSTED)
    after = await page.api("/now")

    def channel(facts: Any) -> tuple[str, str]:
        (row,) = [row for row in facts["channels"] if row["name"] == "slack"]
        return row["state"], row["why"]

    assert [channel(facts) for facts in (before, failing, after)] == [
        ("never_tried", ""), ("failing", gone), ("works", ""),
    ]  # fmt: skip
    assert failing["checks"]["channel:slack"] == f"failing since 2024-01-20 11:20 UTC: {gone}"
    assert failing["obstacles"][0]["sentence"] == gone
    assert '<section class="verdict bad"' in pages[0]
    assert [(row["name"], row["why"], row["waiting"]) for row in destinations["channels"]] == [("slack", gone, 1)]
    assert {row["name"]: row["channel_fault"] for row in destinations["rows"]} == {
        name: gone if its.channel == "slack" else "" for name, its in stage_config().destinations.items()
    }
    assert own["health"]["channel_fault"] == gone
    assert all("ts channel is failing" in text for text in pages)
    assert after["obstacles"] == [row for row in after["obstacles"] if row["name"] != "channel:slack"]


async def test_what_a_source_was_refused_is_counted_by_reason(page: Open) -> None:
    async def refused() -> int:
        rows = {row["name"]: row["refused"] for row in (await page.api("/now"))["sources"]}
        return int(rows["progress"].get("unsigned", 0))

    before = await refused()
    metrics.events.labels("progress", "unsigned").inc(2)
    assert await refused() == before + 2
    assert f"{before + 2} signature, token or password missing, wrong or too old</a>" in await page.page("/now")
