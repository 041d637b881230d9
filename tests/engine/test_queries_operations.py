"""Operations, their stories, and whose they are."""

from typing import Any

import pytest

from relay.domain.facts import Space
from relay.engine.intake import Report
from relay.engine.names import operation
from relay.engine.records import story
from relay.errors import AmbiguousId
from relay.store.queries import operations
from relay.store.queries.admin import Admin
from relay.store.queries.jobs import Jobs
from relay.store.queries.operations import Operations
from relay.store.queries.timelines import Counted
from tests.engine.desk import Desk, every
from tests.support import events
from tests.support.targets import mail


def ids(rows: Any) -> list[str]:
    return [row.subject for row in rows]


async def test_pages_of_operations_follow_each_other_newest_first(desk: Desk) -> None:
    await desk.report(*(events.started(operationId=f"op-{number}") for number in range(5)))
    await desk.report(events.completed(operationId="op-0"), events.failed(operationId="op-3"))
    page = Operations(desk).page

    assert ids(await every(page, limit=2)) == ["op-4", "op-3", "op-2", "op-1", "op-0"]
    assert ids(await every(page, limit=1, state="over")) == ["op-3", "op-0"]
    assert ids(await every(page, limit=2, state="running", text="OP-")) == ["op-4", "op-2", "op-1"]
    assert len(await every(page, limit=2, text="customer JOURNEY")) == 5  # of their name


async def test_a_page_that_finds_little_says_how_far_it_looked(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "LOOKED", 3)
    await desk.report(*(events.started(operationId=f"op-{number}") for number in range(5)))
    looking = Operations(desk)

    first = await looking.page(text="op-0")
    second = await looking.page(text="op-0", cursor=first.cursor)

    assert (ids(first.rows), first.looked, first.looked_to) == ([], 3, desk.clock() - 3)
    assert (ids(second.rows), second.cursor, second.looked_to) == (["op-0"], "", None)
    with pytest.raises(ValueError, match="cursor"):
        await looking.page(cursor="x")


async def test_those_that_failed_are_found_among_those_that_ended(desk: Desk) -> None:
    began = desk.clock()
    await desk.report(events.failed(operationId="old"), events.completed(operationId="well"))
    await desk.report(events.failed(operationId="new"))
    failed = Operations(desk).failed

    assert ids((await failed(began)).rows) == ["new", "old"]
    assert ids((await failed(began + 1)).rows) == ["new"]
    assert (await failed(began, limit=2)).looked_to == began + 1


async def test_what_is_known_is_shown_of_the_tenant_that_is_meant(desk: Desk) -> None:
    for tenant, percentage in (("acme", 10), ("globex", 20)):
        document = events.body(percentage=percentage, operationId="1042") | {"tenantId": tenant}
        await desk.report(events.event_of(document))
    admin = Admin(desk)

    with pytest.raises(AmbiguousId) as caught:
        await admin.timeline("1042")
    assert {space.tenant for space in caught.value.spaces} == {"acme", "globex"}
    shown = await admin.timeline("1042", Space(tenant="globex"))
    assert shown
    assert (shown.operation.percentage, shown.operation.run, shown.operation.facts["tenant"]) == (20, 0, "globex")
    assert [event.percentage for event in await admin.events("1042", Space(tenant="acme"))] == [10]
    assert await admin.timeline("1042", Space(tenant="initech")) is None
    assert await admin.timeline("unknown") is None


async def test_a_retry_under_a_new_id_has_the_story_of_its_original(desk: Desk) -> None:
    await desk.report(events.failed(operationId="op-1"))
    await desk.report(events.progress(10, operationId="op-2", originalOperationId="op-1", retryNumber=1))

    shown = await Admin(desk).timeline("op-2")

    assert shown
    assert (shown.subject, shown.operation.run, shown.operation.status) == ("op-1", 1, "Running")


async def test_a_story_counts_progress_that_nobody_is_notified_of(desk: Desk) -> None:
    for percentage in (10, 20, 30):
        await desk.report(events.progress(percentage))
    began = desk.ms() - 3000

    shown = await Admin(desk).timeline(events.progress(10).subject)

    assert shown
    counted = Counted(3, began + 2000, 10)
    sender = events.progress(10).source
    assert shown.log == [
        [began, "accepted", "operation.progress", "Running", 30, sender, counted],
        [began, "held", "", "no_rule", counted],
    ]


async def test_many_reasons_by_turns_become_lines_instead_of_a_record_that_grows(desk: Desk) -> None:
    for percentage in range(12):
        target = mail(f"{percentage % 6}@example.com", hold_reason="not_allowed")
        await desk.submit(Report(events.progress(percentage), [target]))
        desk.clock.advance(1)
    subject = events.progress(10).subject

    shown = await Admin(desk).timeline(subject)

    assert shown
    assert sum(line[1] == "held" for line in shown.log) == 12
    assert len(desk.memory.log(story(operation(subject)))) == 8


async def test_the_operation_of_an_end_in_a_history_is_found(desk: Desk) -> None:
    await desk.report(events.started(operationId="op-1"), events.failed(operationId="op-1"))
    jobs = Jobs(desk)
    [job] = [row.job for row in (await jobs.page()).rows]

    [o] = (await jobs.operations(await jobs.ends(job))).values()

    assert o.subject == "op-1"
    assert "did not answer" in await jobs.error(o.name)
