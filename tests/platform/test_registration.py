"""Registering: found again by its address, changed only where something changed, never without a webhook between."""

from typing import Any

import pytest

from relay.errors import PlatformError
from relay.platform import OperationsClient
from relay.platform.models import Filters
from relay.platform.registration import register, request
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


@pytest.mark.parametrize("change", [
    {"webhookName": request(URL, "another-secret-of-old", FILTERS).webhook_name},
    {"eventsSubscribed": ["operation.completed"]},
    {"filters": {"operationTypes": ["DataEnrichment"], "priorities": [], "minProgressIncrement": 10}},
    {"filters": None},
    {"status": "Paused"},
], ids=["secret", "events", "filters", "no filters", "paused"])  # fmt: skip
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
