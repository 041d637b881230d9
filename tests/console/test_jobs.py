"""Jobs: how long their runs take, and how they end."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from relay.store import Store
from relay.store.queries.silences import SilenceList
from tests.support.clock import Clock
from tests.support.console import Open, console, more_destinations
from tests.support.events import body, event_of
from tests.support.silences import silence

HOUR = 3600.0
JOB = ("tenant", "project", "type", "name")  # what its address says of it


async def run(page: Open, clock: Clock, number: int, failed: str = "", **more: Any) -> None:
    """A run that began now and ended ten minutes later."""
    began = datetime.fromtimestamp(clock(), UTC).isoformat()
    clock.advance(600)
    status = "Failed" if failed else "Completed"
    operation = {"operationId": f"op-{number}", "operationName": f"Nightly {number}", "status": status} | more
    document = body(f"operation.{status.lower()}", 100, **operation, startTime=began, endTime=None, duration=None)
    document |= {"timestamp": datetime.fromtimestamp(clock(), UTC).isoformat(), "tenantId": "room"}
    error = {"error": {"code": failed, "message": "It failed."}} if failed else {}
    await page.ingest.ingest(event_of(document | error))


async def test_a_job_shows_what_is_usual_and_what_failed_it(page: Open, clock: Clock) -> None:
    for number in range(12):
        await run(page, clock, number, failed="SOURCE_TIMEOUT" if number in (3, 5) else "")
        clock.advance(HOUR - 600)
    (row,) = (await page.api("/jobs"))["rows"]
    query = urlencode({name: row[name] for name in JOB})

    facts, html = await page.api(f"/job?{query}"), await page.page(f"/job?{query}")

    assert (row["title"], row["runs"], row["failed"], row["median"]) == ("Nightly", 12, 2, 600)
    assert (facts["low"], facts["median"], facts["high"]) == (600, 600, 600)
    (cause,) = facts["causes"]
    assert (cause["count"], cause["words"], cause["operation"]) == (2, "SOURCE_TIMEOUT: It failed.", "op-5")
    assert '<td data-label="Cause">SOURCE_TIMEOUT: It failed.</td>' in html
    assert facts["ends"][6]["cause"] == "SOURCE_TIMEOUT: It failed."
    assert "10 min" in html
    assert [end["operation"] for end in facts["ends"]] == [f"op-{n}" for n in reversed(range(12))]
    assert 'href="/console/operation?id=op-7&amp;tenant=room&amp;project=project-1"' in html
    assert (facts["succeeded"], facts["failed"], facts["failing"]) == (10, 2, 0)
    assert "style=" not in html


async def test_a_branch_is_a_job_of_its_own_and_an_operation_shows_what_it_changed(
    store: Store, clock: Clock, tmp_path: Path
) -> None:
    rule = "  - {name: new, where: {branch: main}, changes: broke, notify: [english]}"
    async with console(store, clock, config=more_destinations(tmp_path, "", rule)) as page:
        for number, branch in enumerate(("main", "fix", "main")):
            await run(page, clock, number, failed="X", labels={"branch": branch})
        rows, html = (await page.api("/jobs"))["rows"], await page.page("/jobs")
        judged = []
        for number in range(3):
            (event,) = (await page.api(f"/operation?id=op-{number}"))["events"]
            (new,) = [its for its in event["explanation"]["rules"] if its["rule"] == "new"]
            judged.append({its["name"]: its["actual"] for its in new["conditions"][1:]} | {"": new["matches"]})

        assert [(row["branch"], row["runs"]) for row in rows] == [("main", 2), ("fix", 1)]
        assert (await page.api(re.findall(r'/console(/job[?][^"]+)', html)[0].replace("&amp;", "&")))["failing"] == 2
        assert judged == [
            {"where.branch": "main", "changes": "broke", "": True},
            {"where.branch": "fix", "changes": "broke", "": False},
            {"where.branch": "main", "changes": "", "": False},
        ]


async def test_a_run_that_takes_longer_than_usual_is_late(page: Open, clock: Clock) -> None:
    for number in range(6):
        await run(page, clock, number)
    began = datetime.fromtimestamp(clock(), UTC).isoformat()
    stated = {"status": "Running", "startTime": None, "progress": {"percentage": 0, "startTime": began}}
    document = body("operation.started", 0, operationId="op-7", operationName="Nightly 7") | {"timestamp": began}
    document["operation"] |= stated
    await page.ingest.ingest(event_of(document | {"tenantId": "room"}))
    for after, late in ((300, False), (HOUR, True)):
        clock.advance(after)
        (going,), its = (await page.api("/now"))["runs"], await page.api("/operation?id=op-7")
        assert (going["late"], its["late"], going["ends"]) == (late, late, its["ends"])


@pytest.mark.parametrize("name", ["Load 2024-01-{} into staging", "{}"])
async def test_its_operations_are_found_by_what_their_names_have_in_common(page: Open, name: str) -> None:
    for day in (20, 21):
        await page.take("completed", 100, "room", operationId=f"op-{day}", operationName=name.format(day))
    (row,) = (await page.api("/jobs"))["rows"]
    html = await page.page(f"/job?{urlencode({key: row[key] for key in JOB})}")
    query = html.partition('href="/console/operations?')[2].partition('"')[0]
    listed = (await page.api(f"/operations?{query}"))["rows"]
    assert sorted(row["operation"] for row in listed) == ["op-20", "op-21"]


async def test_a_job_that_a_template_names_is_that_of_its_operations(
    store: Store, clock: Clock, tmp_path: Path
) -> None:
    config = more_destinations(tmp_path, "", 'job: "{operationType} {parameters.dataset}"')
    load = {"operationName": "x", "operationType": "Load", "parameters": {"dataset": "orders"}}
    async with console(store, clock, config=config) as page:
        for number in range(6):
            await run(page, clock, number, **load)
        began = datetime.fromtimestamp(clock(), UTC).isoformat()
        await page.take("started", 0, "room", operationId="op-7", status="Running", startTime=began, **load)
        await SilenceList(store).add(silence(clock(), jobs=("Load orders",)))
        clock.advance(60)
        unstated = load | {"parameters": {}}
        await page.take("progress", 5, "room", operationId="op-7", status="Running", startTime=began, **unstated)
        (going,) = (await page.api("/now"))["runs"]
        operation = await page.api("/operation?id=op-7")

    assert (going["ends"], going["late"]) == (operation["ends"], operation["late"])
    assert going["ends"] is not None
    assert operation["job"] == "Load orders"
    assert [row["id"] for row in operation["silences"]] == ["s-1"]
    assert [(row["kind"], row["name"]) for row in operation["related"]] == [("job", "Load orders")]
