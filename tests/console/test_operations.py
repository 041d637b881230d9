"""The newest operations, and what is found by a part of a name."""

from dataclasses import replace

from relay.domain.jobs import Alarm, Alarms
from relay.store import Store
from tests.support.clock import Clock
from tests.support.console import Open, console
from tests.support.events import body, event_of
from tests.support.queue import send


async def take(page: Open, id_: str, name: str = "operation.started", **operation: str) -> None:
    await page.ingest.ingest(event_of(body(name, 10, operationId=id_, **operation) | {"tenantId": "room"}))


async def test_the_newest_come_first_with_their_state(store: Store, clock: Clock) -> None:
    async with console(store, clock) as page:
        for number in range(3):
            await take(page, f"op-{number}")
            clock.advance(1)
        await take(page, "op-1", "operation.completed", status="Completed")

        rows = (await page.api("/operations"))["rows"]

        assert [(row["operation"], row["state"]) for row in rows] == [
            ("op-2", "running"), ("op-1", "over"), ("op-0", "running"),
        ]  # fmt: skip
        assert [row["operation"] for row in (await page.api("/operations?state=over"))["rows"]] == ["op-1"]
        running = (await page.api("/operations?state=running"))["rows"]
        assert {row["operation"] for row in running} == {"op-0", "op-2"}
        assert (await page.api("/operations?state=stalled"))["rows"] == []


async def test_more_that_are_stalled_than_a_page_has_are_on_the_next(store: Store, clock: Clock) -> None:
    async with console(store, clock) as page:
        alarms = Alarms(open={"silent": Alarm(at=clock(), since=clock() - 1200)}, episode=1)
        watch = {"was": "", "becomes": alarms.dump(), "open": True, "since": round((clock() - 1200) * 1000)}
        for number in range(51):
            await take(page, f"op-{number}")
            quiet = body("operation.stalled", 5, operationId=f"op-{number}", status="Stalled") | {"tenantId": "room"}
            await page.ingest.ingest(replace(event_of(quiet, source="relay"), watch=watch))
        first = await page.api("/operations?state=stalled")
        second = await page.api(f"/operations?state=stalled&cursor={first['cursor']}")
        shown = {row["operation"] for row in (*first["rows"], *second["rows"])}
        assert shown == {f"op-{number}" for number in range(51)}


async def test_a_part_of_the_name_finds_it(store: Store, clock: Clock) -> None:
    async with console(store, clock) as page:
        alert = {"operationType": "alert", "status": "Failed"}
        await take(page, "op-1", "operation.failed", operationName="Nightly <mining>", **alert)
        await take(page, "op-2", operationName="Enrichment")
        html = await page.page("/operations?text=NIGHTLY")
        assert "Nightly &lt;mining&gt;" in html
        assert "Enrichment" not in html
        assert "Firing" in html
        assert 'value="NIGHTLY"' in html


async def test_pages_of_lists_follow_each_other(store: Store, clock: Clock) -> None:
    async with console(store, clock) as page:
        for number in range(60):
            name = f"Job {chr(65 + number % 26)}{chr(97 + number // 26)}"
            await take(page, f"op-{number}", "operation.completed", status="Completed", operationName=name)
            clock.advance(1)
            await send(store)
        for path, key, most in (
            ("operations", "operation", 50),
            ("deliveries", "operation", 50),
            ("jobs", "title", 25),
        ):
            rows, cursor, sizes = list[str](), "", list[int]()
            while cursor or not sizes:
                facts = await page.api(f"/{path}?cursor={cursor}")
                rows, cursor = [*rows, *(row[key] for row in facts["rows"])], facts["cursor"]
                sizes.append(len(facts["rows"]))
            assert (sizes[0], len(rows), len({*rows})) == (most, 60, 60), path
            assert path == "jobs" or rows == [f"op-{number}" for number in reversed(range(60))]
            assert 'rel="next"' in await page.page(f"/{path}")
        async with page.client.get(page.server.make_url("/console/operations?state=sideways")) as response:
            assert response.status == 400
