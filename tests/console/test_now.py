"""The first page: what runs, and what stands in the way."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from relay import metrics
from relay.domain.jobs import Alarm, Alarms, Job
from relay.engine.records import MISSING
from relay.policy.missing import Missing
from relay.policy.notices import REFUSED, Cause, Trouble, Troubles
from relay.policy.retry import Pause
from relay.receiving.probes import Readiness
from relay.store import Store
from relay.store.queries.runs import TroubleMemory
from tests.support.clock import Clock
from tests.support.console import console, more_destinations, stage_config
from tests.support.events import body, event_of
from tests.support.queue import POSTED, claim_one, send


async def test_what_is_stalled_comes_first_with_what_is_wrong_and_since_when(store: Store, clock: Clock) -> None:
    async with console(store, clock) as open_console:
        for number in range(3):
            await open_console.ingest.ingest(event_of(body("operation.progress", 5, operationId=f"op-{number}")))
        alarms = Alarms(open={"silent": Alarm(at=clock(), since=clock() - 1200)}, episode=1)
        quiet = event_of(body("operation.stalled", 5, operationId="op-1", status="Stalled"), source="relay")
        watch = {"was": "", "becomes": alarms.dump(), "open": True, "since": round((clock() - 1200) * 1000)}
        await open_console.ingest.ingest(replace(quiet, watch=watch))

        facts = await open_console.api("/now")
        page = await open_console.page("/now")

        first = facts["runs"][0]
        assert (first["operation"], first["stalled"]) == ("op-1", "silent")
        assert first["stalled_since"].startswith("2024-01-20T11:00:00")
        assert first["trouble"]["text"] == "nothing was heard of it since"
        assert re.search(r"nothing was heard of it since <time[^>]*>20/01/2024, 12:00</time>, <time[^>]*>20 min", page)
        german = await open_console.page("/now?lang=de")
        assert re.search(
            r"von ihr war nichts mehr zu hören seit <time[^>]*>20.01.24, 12:00</time>, <time[^>]*>vor 20", german
        )


async def test_an_expected_run_that_has_not_begun_stays_until_it_does(store: Store, clock: Clock) -> None:
    missing = Missing(Job("", "", "", "", "nightly"), clock() - 3600, clock() - 7200, expectation="nightly*")
    store.shared.memory.tables[MISSING] = {"00op": missing.dump().encode(), "01op": b"damaged"}
    async with console(store, clock) as open_console:
        [row] = [row for row in (await open_console.api("/now"))["obstacles"] if row["name"].startswith("missing")]
        assert (row["part"]["text"], row["since"]) == ("expected run of nightly*", "2024-01-20T10:20:00Z")
        assert "hat nicht begonnen" in await open_console.page("/now?lang=de")


async def test_tells_in_words_what_operators_were_told(store: Store, clock: Clock) -> None:
    cause = Cause(REFUSED, "async-operations", clock() - 60, "unsigned", count=12, total=20)
    await TroubleMemory(store).keep("", Troubles(rows=(Trouble(cause, shown=clock()),)).dump())
    async with console(store, clock) as open_console:
        (obstacle,) = [
            row for row in (await open_console.api("/now"))["obstacles"] if row["name"].startswith("refused")
        ]
        assert obstacle["sentence"]["text"] == ("12 of 20 requests of source async-operations were refused, mostly")
        assert obstacle["why"]["text"] == "signature missing, wrong or too old"
        assert obstacle["page"] == "/console/now#sources"
        german = await open_console.page("/now?lang=de")
        assert "wurden abgewiesen, meist: Signatur fehlt, ist falsch oder zu alt" in german


async def test_says_that_redis_is_away_where_it_is(store: Store, clock: Clock) -> None:
    async def readiness() -> Readiness:
        return Readiness(ready=False, checks={"redis": "no answer within 2 s", "durability": "unknown"})

    async with console(store, clock, readiness=readiness) as open_console:
        page = await open_console.page("/now")
        assert "relay takes no events now" in page
        assert "no answer within 2 s" in page


async def test_what_failed_in_the_last_day_comes_first_the_critical_ones_before_all_others(
    store: Store, clock: Clock
) -> None:
    async def well() -> Readiness:
        return Readiness(ready=True, checks={"redis": "ok"})

    async with console(store, clock, readiness=well) as open_console:
        for number, priority in enumerate(("Normal", "Critical", "High")):
            failed = body("operation.failed", 40, status="Failed", operationId=f"op-{number}", priority=priority)
            await open_console.ingest.ingest(event_of(failed, id=f"evt-{number}"))
        await open_console.ingest.ingest(event_of(body("operation.completed", 100, status="Completed")))
        clock.advance(60)
        facts, page = await open_console.api("/now"), await open_console.page("/now?lang=en")
        clock.advance(24 * 3600)
        later = await open_console.page("/now?lang=en")

    assert [(row["operation"], row["priority"]) for row in facts["failures"]] == [
        ("op-1", "Critical"), ("op-2", "High"), ("op-0", "Normal"),
    ]  # fmt: skip
    assert "3 operations failed in the last 24 hours" in page
    assert page.index("operation?id=op-1") < page.index("Running operations")
    assert "Everything is reaching people" not in page
    assert "Nothing was sent yet by slack, email" in later


async def test_a_digest_of_tomorrow_is_no_backlog(store: Store, clock: Clock, tmp_path: Path) -> None:
    config = more_destinations(
        tmp_path,
        '  morning: {email: [reader@example.com], mode: digest, at: "08:30"}\n',
        "  - {name: digests, events: ['operation.*'], notify: [morning]}\n",
    )
    async with console(store, clock, config=config) as open_console:
        await open_console.ingest.ingest(event_of(body("operation.completed", 100, status="Completed")))
        facts = await open_console.api("/now")
        clock.advance(24 * 3600)
        due = await open_console.api("/now")

    assert (facts["waiting"]["email"], facts["oldest_due"]) == (0, None)
    assert facts["pending"] > sum(facts["waiting"].values())
    assert due["waiting"]["email"] == 1


async def test_a_channel_that_gets_nothing_out_is_the_first_thing_shown(store: Store, clock: Clock) -> None:
    async with console(store, clock) as open_console:
        before = await open_console.api("/now")
        await open_console.ingest.ingest(event_of(body("operation.started", 0) | {"tenantId": "room"}))
        gone = "slack.com: name not known"
        pause = Pause("channel:slack", 300.0, gone, probe=True)
        await store.reschedule(await claim_one(store), 300.0, gone, holds=[pause])
        failing, page = await open_console.api("/now"), await open_console.page("/now?lang=en")
        destinations, own = [await open_console.api(path) for path in ("/destinations", "/destination?name=room")]
        pages = [page, *[await open_console.page(path) for path in ("/destinations", "/destination?name=room")]]
        clock.advance(300)
        await send(store, "slack", POSTED)
        after = await open_console.api("/now")

    def channel(facts: Any) -> tuple[str, str]:
        (row,) = [row for row in facts["channels"] if row["name"] == "slack"]
        return row["state"], row["why"]

    assert [channel(facts) for facts in (before, failing, after)] == [
        ("never_tried", ""), ("failing", gone), ("works", ""),
    ]  # fmt: skip
    assert failing["checks"]["channel:slack"] == f"failing since 2024-01-20 11:20 UTC: {gone}"
    assert failing["obstacles"][0]["sentence"]["text"] == gone
    assert '<section class="verdict bad"' in page
    assert [(row["name"], row["why"], row["waiting"]) for row in destinations["channels"]] == [("slack", gone, 1)]
    assert {row["name"]: row["channel_fault"] for row in destinations["rows"]} == {
        name: gone if its.channel == "slack" else "" for name, its in stage_config().destinations.items()
    }
    assert own["health"]["channel_fault"] == gone
    assert all("ts channel is failing" in text for text in pages)
    assert after["obstacles"] == [row for row in after["obstacles"] if row["name"] != "channel:slack"]


async def test_what_a_source_was_refused_is_counted_by_reason(store: Store, clock: Clock) -> None:
    async with console(store, clock) as page:

        async def refused() -> int:
            rows = {row["name"]: row["refused"] for row in (await page.api("/now"))["sources"]}
            return int(rows["progress"].get("unsigned", 0))

        before = await refused()
        metrics.events.labels("progress", "unsigned").inc(2)
        assert await refused() == before + 2
        assert f"{before + 2} signature missing, wrong or too old</a>" in await page.page("/now?lang=en")
        assert "Signatur fehlt, ist falsch oder zu alt" in await page.page("/now?lang=de")
