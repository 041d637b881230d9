"""Jobs: how long their runs take, and how they end."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from relay.store import Store
from tests.support.clock import Clock
from tests.support.console import Open, console, more_destinations
from tests.support.events import body, event_of

HOUR = 3600.0


async def run(page: Open, clock: Clock, number: int, seconds: float, *, name: str = "Nightly", **more: Any) -> None:
    """A run that began now and ended so many seconds later."""
    began = datetime.fromtimestamp(clock(), UTC).isoformat()
    clock.advance(seconds)
    failed = more.pop("failed", "")
    status = "Failed" if failed else "Completed"
    operation = {"operationId": f"op-{name}-{number}", "operationName": f"{name} {number}", "status": status} | more
    document = body(f"operation.{status.lower()}", 100, **operation, startTime=began, endTime=None, duration=None)
    document["timestamp"] = datetime.fromtimestamp(clock(), UTC).isoformat()
    if failed:
        document["error"] = {"code": failed, "message": "It failed."}
    await page.ingest.ingest(event_of(document | {"tenantId": "room"}))


async def test_a_job_shows_what_is_usual_and_what_failed_it(store: Store, clock: Clock) -> None:
    async with console(store, clock) as page:
        for number in range(12):
            await run(page, clock, number, 600, failed="SOURCE_TIMEOUT" if number in (3, 5) else "")
            clock.advance(HOUR - 600)
        (row,) = (await page.api("/jobs"))["rows"]
        query = urlencode({name: row[name] for name in ("tenant", "project", "type", "name")})

        facts = await page.api(f"/job?{query}")
        html = await page.page(f"/job?{query}")

        assert (row["title"], row["runs"], row["failed"], row["median"]) == ("Nightly", 12, 2, 600)
        assert (facts["low"], facts["median"], facts["high"]) == (600, 600, 600)
        assert [cause["count"] for cause in facts["causes"]] == [2]
        assert facts["causes"][0]["words"] == "SOURCE_TIMEOUT: It failed."
        assert facts["causes"][0]["operation"] == "op-Nightly-5"
        assert [end["operation"] for end in facts["ends"]] == [f"op-Nightly-{n}" for n in reversed(range(12))]
        assert 'href="/console/operation?id=op-Nightly-7&amp;tenant=room&amp;project=project-1"' in html
        assert (facts["succeeded"], facts["failed"], facts["failing"]) == (10, 2, 0)
        assert len(facts["ends"]) == 12
        assert "style=" not in html


async def test_a_branch_is_a_job_of_its_own_and_an_operation_shows_what_it_changed(
    store: Store, clock: Clock, tmp_path: Path
) -> None:
    rule = "  - {name: new, where: {branch: main}, changes: broke, notify: [english]}"
    async with console(store, clock, config=more_destinations(tmp_path, "", rule)) as page:
        for number, branch in enumerate(("main", "fix", "main")):
            await run(page, clock, number, 600, failed="X", labels={"branch": branch})
        rows, html = (await page.api("/jobs"))["rows"], await page.page("/jobs")
        judged = []
        for number in range(3):
            (event,) = (await page.api(f"/operation?id=op-Nightly-{number}"))["events"]
            (new,) = [its for its in event["explanation"]["rules"] if its["rule"] == "new"]
            judged.append({its["name"]: its["actual"] for its in new["conditions"][1:]} | {"": new["matches"]})

        assert [(row["branch"], row["runs"]) for row in rows] == [("main", 2), ("fix", 1)]
        assert (await page.api(re.findall(r'/console(/job[?][^"]+)', html)[0].replace("&amp;", "&")))["failing"] == 2
        assert judged == [
            {"where.branch": "main", "changes": "broke", "": True},
            {"where.branch": "fix", "changes": "broke", "": False},
            {"where.branch": "main", "changes": "", "": False},
        ]


async def test_a_run_that_takes_longer_than_usual_is_late(store: Store, clock: Clock) -> None:
    async with console(store, clock) as page:
        for number in range(6):
            await run(page, clock, number, 600)
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
async def test_its_operations_are_found_by_what_their_names_have_in_common(
    store: Store, clock: Clock, name: str
) -> None:
    async with console(store, clock) as page:
        for day in (20, 21):
            document = body("operation.completed", 100, operationId=f"op-{day}", operationName=name.format(day))
            await page.ingest.ingest(event_of(document))
        (row,) = (await page.api("/jobs"))["rows"]
        html = await page.page(f"/job?{urlencode({key: row[key] for key in ('tenant', 'project', 'type', 'name')})}")
        query = html.partition('href="/console/operations?')[2].partition('"')[0]
        listed = (await page.api(f"/operations?{query}"))["rows"]
    assert sorted(row["operation"] for row in listed) == ["op-20", "op-21"]
