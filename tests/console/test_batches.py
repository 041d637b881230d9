"""Batches: their names in every list, and what of them failed."""

from typing import Any

import pytest

from relay.store import Store
from tests.support.console import Open
from tests.support.events import event_of
from tests.support.queue import send

MEMBERS = ("load", "match", "report")
CAUSE = "SAP extractor did not answer"


def batch(name: str, *statuses: str, of: str = "", **error: Any) -> Any:
    """An event of a batch; `of` one of its operations, which it names."""
    its = [{"operationKey": key, "operationId": f"op-{key}", "status": status}
           for key, status in zip(MEMBERS, statuses, strict=True)]  # fmt: skip
    over = name == "batch.completed"
    said = {"batchId": "bx-1", "status": "Completed" if over else "Running", "operations": its, "totalOperations": 3}
    said |= {"batchName": "Close of books"} if name == "batch.started" else {}
    document: dict[str, Any] = {"event": name, "timestamp": "2024-01-20T11:40:00Z", "tenantId": "live", "batch": said}
    if of:
        status = dict(zip(MEMBERS, statuses, strict=True))[of]
        document["operation"] = {"operationId": f"op-{of}", "operationName": f"{of.title()} invoices", "status": status}
    return event_of(document | ({"error": error} if error else {}))


@pytest.fixture
async def ended(page: Open) -> Open:
    """One of its three operations failed, which its last document does not explain."""
    for event in (
        batch("batch.started", "Running", "Pending", "Pending"),
        batch("batch.operation.completed", "Completed", "Failed", "Pending", of="match", message=CAUSE),
        batch("batch.completed", "Completed", "Failed", "Completed"),
    ):
        await page.ingest.ingest(event)
    return page


async def test_a_batch_with_failures_is_among_what_failed_with_its_causes(ended: Open) -> None:
    now, (row,) = await ended.api("/now"), (await ended.api("/operations"))["rows"]

    assert (now["failed"], [it["operation"] for it in now["failures"]]) == (1, ["bx-1"])
    assert (row["name"], row["shown"], row["cause"]) == ("Close of books", "Partial", f"Match invoices: {CAUSE}")
    for path in ("/now", "/operations", "/operation?id=bx-1"):
        html = await ended.page(path)
        assert f"Match invoices: {CAUSE}" in html, path
        assert "Completed with failures" in html, path


async def test_a_batch_of_which_all_failed_reads_failed(page: Open) -> None:
    await page.ingest.ingest(batch("batch.completed", "Failed", "Failed", "Timeout"))

    assert [row["shown"] for row in (await page.api("/operations"))["rows"]] == ["Failed"]


async def test_a_batch_has_its_name_in_every_list(ended: Open, store: Store) -> None:
    await send(store)
    for path in ("/now", "/operations", "/deliveries"):
        assert ">Close of books</a>" in await ended.page(path), path
    assert "<title>Close of books · relay</title>" in await ended.page("/operation?id=bx-1")


async def test_operations_of_a_batch_have_the_names_that_they_stated(ended: Open) -> None:
    members = [row for row in (await ended.api("/operation?id=bx-1"))["related"] if row["kind"] == "member"]

    assert [(row["name"], row["detail"]) for row in members] == [
        ("load", "Completed"), ("Match invoices", "Failed"), ("report", "Completed"),
    ]  # fmt: skip


async def test_an_operation_that_only_its_batch_reported_leads_nowhere_and_says_why_it_failed(ended: Open) -> None:
    own = {"operationId": "op-load", "batchId": "bx-1", "status": "Completed"}
    await ended.ingest.ingest(event_of({"event": "operation.completed", "tenantId": "live", "operation": own}))
    members = [row for row in (await ended.api("/operation?id=bx-1"))["related"] if row["kind"] == "member"]

    assert [(bool(row["page"]), row["cause"]) for row in members] == [(True, ""), (False, CAUSE), (False, "")]
    assert f"Match invoices <small>Failed: {CAUSE}</small>" in await ended.page("/operation?id=bx-1")


async def test_failures_of_several_operations_for_one_cause_are_counted(page: Open) -> None:
    for key, second in (("load", "Pending"), ("match", "Failed")):
        await page.ingest.ingest(
            batch("batch.operation.completed", "Failed", second, "Pending", of=key, message="no room on db-7")
        )
    await page.ingest.ingest(batch("batch.completed", "Failed", "Failed", "Completed"))

    (row,) = (await page.api("/operations"))["rows"]

    assert row["cause"] == "2 × no room on db-7"
