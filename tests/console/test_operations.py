"""The newest operations, and what is found by a part of a name."""

from dataclasses import replace

from relay.domain.jobs import Alarm, Alarms
from relay.store import Store
from tests.support.clock import Clock
from tests.support.console import Open
from tests.support.events import body, event_of
from tests.support.queue import send


async def take(page: Open, id_: str, name: str = "started", **operation: str) -> None:
    await page.take(name, 10, "room", operationId=id_, **operation)


async def listed(page: Open, query: str) -> list[str]:
    return [row["operation"] for row in (await page.api(f"/operations?{query}"))["rows"]]


async def test_the_newest_come_first_with_their_state(page: Open, clock: Clock) -> None:
    for number in range(3):
        await take(page, f"op-{number}")
        clock.advance(1)
    await take(page, "op-1", "completed", status="Completed")

    rows = (await page.api("/operations"))["rows"]

    assert [(row["operation"], row["state"]) for row in rows] == [
        ("op-2", "running"), ("op-1", "over"), ("op-0", "running"),
    ]  # fmt: skip
    assert await listed(page, "state=over") == ["op-1"]
    assert sorted(await listed(page, "state=running")) == ["op-0", "op-2"]
    assert await listed(page, "state=stalled") == []


async def test_more_that_are_stalled_than_a_page_has_are_on_the_next(page: Open, clock: Clock) -> None:
    alarms = Alarms(open={"silent": Alarm(at=clock(), since=clock() - 1200)}, episode=1)
    watch = {"was": "", "becomes": alarms.dump(), "open": True, "since": round((clock() - 1200) * 1000)}
    for number in range(51):
        await take(page, f"op-{number}")
        quiet = body("operation.stalled", 5, operationId=f"op-{number}", status="Stalled") | {"tenantId": "room"}
        await page.ingest.ingest(replace(event_of(quiet, source="relay"), watch=watch))
    first = await page.api("/operations?state=stalled")
    second = await listed(page, f"state=stalled&cursor={first['cursor']}")
    assert {row["operation"] for row in first["rows"]} | {*second} == {f"op-{number}" for number in range(51)}


async def test_a_part_of_the_name_finds_it(page: Open) -> None:
    alert = {"operationType": "alert", "status": "Failed"}
    await take(page, "op-1", "failed", operationName="Nightly <mining>", **alert)
    await take(page, "op-2", operationName="Enrichment")
    html = await page.page("/operations?text=NIGHTLY")
    for shown in ("Nightly &lt;mining&gt;", "Firing", 'value="NIGHTLY"'):
        assert shown in html
    assert "Enrichment" not in html


async def test_pages_of_lists_follow_each_other(page: Open, store: Store, clock: Clock) -> None:
    for number in range(60):
        name = f"Job {chr(65 + number % 26)}{chr(97 + number // 26)}"
        await take(page, f"op-{number}", "completed", status="Completed", operationName=name)
        clock.advance(1)
        await send(store)
    for path, key, most in (("operations", "operation", 50), ("deliveries", "operation", 50), ("jobs", "title", 25)):
        rows, cursor, sizes = list[str](), "", list[int]()
        while cursor or not sizes:
            facts = await page.api(f"/{path}?cursor={cursor}")
            rows, cursor = [*rows, *(row[key] for row in facts["rows"])], facts["cursor"]
            sizes.append(len(facts["rows"]))
        assert (sizes[0], len(rows), len({*rows})) == (most, 60, 60), path
        assert path == "jobs" or rows == [f"op-{number}" for number in reversed(range(60))]
        assert 'rel="next"' in await page.page(f"/{path}")
    assert (await page.ask("/console/operations?state=sideways"))[0] == 400
