"""Registering: found again by its address, changed only where something changed, never without a webhook between."""

from typing import Any

import pytest

from relay.cli.register import events, filters
from relay.domain.events import BATCH_EVENTS, OPERATION_EVENTS
from relay.errors import PlatformError
from relay.platform import OperationsClient
from relay.platform.models import Filters
from relay.platform.registration import register, request
from relay.policy.matching import Rule
from tests.support.platform import scripted_platform

PLACE = "/api/t/p/async/webhooks"
URL = "https://relay.example.com/webhooks/async-operations"
FILTERS = Filters(operation_types=["DataEnrichment"], priorities=["High"], min_progress_increment=10)
WANTED = request(URL, "the-secret-of-the-source", FILTERS)


def listed(webhook_id: str, **changes: Any) -> dict[str, Any]:
    """As the platform lists what was registered: everything but the secret."""
    body = WANTED.sent()
    row = {"webhookId": webhook_id, "webhookUrl": URL, "webhookName": body["webhookName"], "status": "Active",
           "eventsSubscribed": body["events"], "filters": body["filters"]}  # fmt: skip
    return {**row, **changes}


async def registered(rows: Any, *, dry_run: bool = False) -> tuple[Any, list[str]]:
    answers = {
        f"GET {PLACE}": [rows if isinstance(rows, tuple) else (200, {"webhooks": rows})],
        f"POST {PLACE}": [(201, listed("wh-new"))],
        **{f"DELETE {PLACE}/wh-{number}": [(204, "")] for number in (1, 2)},
    }
    async with scripted_platform(answers) as platform:
        async with OperationsClient(platform.url, tenant="t", project="p") as client:
            done = await register(client, WANTED, dry_run=dry_run)
        return done, [f"{asked.method} {asked.path.removeprefix(PLACE)}".strip() for asked in platform.asked]


async def test_the_first_time_registers_and_the_second_changes_nothing() -> None:
    first, calls = await registered([listed("wh-9", webhookUrl="https://other.example.com/")])
    assert (first.outcome, first.webhook.webhook_id, calls) == ("registered", "wh-new", ["GET", "POST"])
    second, calls = await registered([listed("wh-1")])
    assert (second.outcome, second.webhook.webhook_id, calls) == ("unchanged", "wh-1", ["GET"])


@pytest.mark.parametrize(
    "change",
    [
        {"webhookName": request(URL, "another-secret-of-old", FILTERS).webhook_name},
        {"eventsSubscribed": ["operation.completed"]},
        {"filters": {"operationTypes": ["DataEnrichment"], "priorities": [], "minProgressIncrement": 10}},
        {"filters": None},
        {"status": "Paused"},
    ],
    ids=["secret", "events", "filters", "no filters", "paused"],
)
async def test_a_change_registers_the_new_one_before_the_old_one_goes(change: dict[str, Any]) -> None:
    done, calls = await registered([listed("wh-1", **change)])
    assert (done.outcome, done.replaced) == ("replaced", ("wh-1",))
    assert calls == ["GET", "POST", "DELETE /wh-1"]


async def test_of_several_at_the_same_address_one_is_left() -> None:
    done, calls = await registered([listed("wh-1"), listed("wh-2")])
    assert (done.webhook.webhook_id, done.replaced) == ("wh-1", ("wh-2",))
    assert calls == ["GET", "DELETE /wh-2"]


async def test_where_nothing_can_be_listed_it_says_so_and_any_other_error_stops_it() -> None:
    done, calls = await registered((404, {}))
    assert (done.outcome, done.certain, calls) == ("registered", False, ["GET", "POST"])
    with pytest.raises(PlatformError, match="403"):
        await registered((403, {"detail": "no"}))


RULES: list[tuple[list[dict[str, Any]], Filters]] = [
    ([{}], Filters(min_progress_increment=0)),
    ([{"priorities": ["High"], "min_progress_increment": 10}, {"priorities": ["Low"], "min_progress_increment": 5}],
     Filters(priorities=["High", "Low"], min_progress_increment=5)),
    ([{"priorities": ["High"], "min_progress_increment": 10}, {"events": ["operation.failed"]}],
     Filters(min_progress_increment=10)),
    ([{"priorities": ["High"], "min_progress_increment": 10}, {"events": ["operation.stalled"]}],
     Filters(min_progress_increment=0)),
    # Whoever wants all batches wants the ends of all their operations.
    ([{"operation_types": ["A"]}, {"events": ["batch.*"]}], Filters(min_progress_increment=0)),
    ([{"operation_types": ["A"]}, {"events": ["batch.started", "batch.completed"]}],
     Filters(operation_types=["A"], min_progress_increment=0)),
]  # fmt: skip


@pytest.mark.parametrize(("rules", "expected"), RULES)
def test_the_filters_let_through_whatever_any_rule_may_want(rules: list[dict[str, Any]], expected: Filters) -> None:
    found = filters([made(rule) for rule in rules])
    assert (list(found.operation_types), list(found.priorities), found.min_progress_increment) == (
        list(expected.operation_types), list(expected.priorities), expected.min_progress_increment)  # fmt: skip


EVENTS: list[tuple[list[dict[str, Any]], set[str]]] = [
    ([{}], {*OPERATION_EVENTS, *BATCH_EVENTS}),
    ([{"events": ["operation.failed"]}], {"operation.failed"}),
    ([{"events": ["operation.failed"]}, {"events": ["batch.*"]}], {"operation.failed", *BATCH_EVENTS}),
    ([{"events": ["*.completed"]}],
     {"operation.phase.completed", "operation.completed", "batch.operation.completed", "batch.completed"}),
    ([{"events": ["operation.*"]}], {*OPERATION_EVENTS}),
    # To find what hangs, the watchdog must see all that operations do.
    ([{"events": ["operation.stalled"]}], {*OPERATION_EVENTS}),
    ([{"events": ["operation.stalled"], "sources": ["relay"]}], {*OPERATION_EVENTS}),
    ([{"events": ["operation.stalled"], "sources": ["async-operations"]}], set()),
    ([{"sources": ["progress"]}], set()),
    ([{"events": ["nightly.backup"]}], set()),
    ([{"statuses": ["Failed", "Timeout"]}],
     {"operation.completed", "operation.failed", "operation.cancelled", "batch.completed"}),
    ([{"events": ["batch.*"], "priorities": ["High"]}], {"batch.operation.completed"}),
    # Whatever became of its operation, a batch goes on; and that a run hangs is for the watchdog alone to say.
    ([{"statuses": ["Initiated"]}],
     {"operation.started", "operation.progress", "operation.phase.completed", "batch.started"}),
    ([{"events": ["operation.progress", "batch.*"], "statuses": ["Stalled"]}], set()),
    ([{"statuses": ["Stalled"]}], {*OPERATION_EVENTS}),
]  # fmt: skip


@pytest.mark.parametrize(("rules", "expected"), EVENTS)
def test_what_any_rule_wants_is_subscribed_and_no_more(rules: list[dict[str, Any]], expected: set[str]) -> None:
    found = events([made(rule) for rule in rules], "async-operations", watched=True)
    assert (set(found), len(found)) == (expected, len(expected))


def test_without_a_watchdog_nobody_has_to_see_what_hangs() -> None:
    assert events([made({"events": ["operation.stalled"]})], "async-operations", watched=False) == ()
    whole = events([made({"events": ["batch.completed"]})], "async-operations", watched=False, everything=True)
    assert set(whole) == {*OPERATION_EVENTS, "batch.completed"}  # operations may name people themselves


def made(rule: dict[str, Any]) -> Rule:
    return Rule.model_validate({"name": "r", "notify": ["x"], **rule})
