"""An event that is accepted before anybody has looked up what is known: as if somebody had."""

from collections.abc import Sequence

import pytest

from relay.channels import CHANNELS
from relay.domain.events import Event
from relay.ingest import Ingest
from relay.store import Store
from relay.store.queries.admin import Admin
from tests.support import events
from tests.support.life.settings import CONFIG


def of(tenant: str, percentage: float) -> Event:
    return events.event_of(events.body("operation.progress", percentage) | ({"tenantId": tenant} if tenant else {}))


LATER = {"progress": {"startTime": "2024-01-20T12:00:00Z"}}
AGAIN = {"operationId": "op-2", "originalOperationId": "op-1"}
KNOWN: dict[str, tuple[list[Event], Event]] = {
    "whom to tell": ([events.progress(10, notifications={"email": ["ops@example.com"]})], events.progress(20)),
    "its labels": ([events.progress(10, labels={"branch": "main"})], events.progress(20)),
    "another tenant": ([of("acme", 10)], of("globex", 20)),
    "several tenants": ([of("acme", 10), of("globex", 10)], of("acme", 20)),
    "a new run": ([events.started(), events.completed(), events.started(**LATER)], events.progress(20)),
    "a retry": ([events.failed(), events.started(retryNumber=1, **LATER)], events.progress(20)),
    "its end": ([events.completed()], events.started()),
    "its original": (
        [events.failed(operationId="op-1"), events.started(**AGAIN)], events.progress(20, operationId="op-2")
    ),
}  # fmt: skip


@pytest.mark.parametrize(("before", "then"), KNOWN.values(), ids=KNOWN)
async def test_what_is_known_and_not_stated_is_looked_up_first(
    store: Store, before: Sequence[Event], then: Event
) -> None:
    for event in before:
        await Ingest(store, lambda: CONFIG, CHANNELS).ingest(event)
    earlier = (await Admin(store).ledger()).counts

    assert (await store.accept(then, [], unasked=True)).status == "elsewhere"
    assert (await Admin(store).ledger()).counts == earlier  # nothing is done


async def test_nothing_is_looked_up_where_nothing_more_is_known(store: Store) -> None:
    told = [events.progress(10), events.progress(20), events.progress(30, operationName="Another name")]

    assert [(await store.accept(event, [], unasked=True)).status for event in told] == ["accepted"] * 3
