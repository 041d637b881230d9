"""Tenants, projects and platforms may use the same ids: each has messages and facts of its own."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from relay.channels import CHANNELS
from relay.config import parse_config
from relay.domain.deliveries import Accepted
from relay.errors import AmbiguousId
from relay.ingest import Ingest
from relay.store import Store
from relay.store.queries.admin import Admin
from tests.support import events
from tests.support.queue import claim

CONFIG = """
sources: {async-operations: {signature: {secrets: {current: "the-secret-of-the-platform"}}}}
channels: {slack: {token: xoxb-1-spaces}}
destinations: {team: {slack: "#team", mode: live, live: {post_after: 0s}}}
rules: [{name: all, events: ["operation.*", "batch.*"], notify: [team]}]
"""
Send = Callable[..., Awaitable[Accepted]]
EVENTS = {"Initiated": "operation.started", "Running": "operation.progress", "Failed": "operation.failed",
          "Completed": "operation.completed"}  # fmt: skip


@pytest.fixture
def ingest(store: Store) -> Ingest:
    config = parse_config(CONFIG, env={}, channels=CHANNELS)
    return Ingest(store, lambda: config, CHANNELS)


@pytest.fixture
def send(ingest: Ingest) -> Send:
    async def one(status: str, *, tenant: str = "", project: str = "", platform: str = "", **of: Any) -> Accepted:
        event = events.event_of(document(status, tenant, project, **of), platform=platform)
        return await ingest.ingest(event)

    return one


def document(status: str, tenant: str = "", project: str = "", **operation: Any) -> dict[str, Any]:
    whose = {name: value for name, value in (("tenantId", tenant), ("projectId", project)) if value}
    return {"event": EVENTS[status], "operation": {"operationId": "1042", "status": status, **operation}, **whose}


@pytest.mark.parametrize(
    "whose",
    [
        pytest.param(({"tenant": "acme"}, {"tenant": "globex"}), id="tenants"),
        pytest.param(({"tenant": "acme", "project": "p1"}, {"tenant": "acme", "project": "p2"}), id="projects"),
        pytest.param(({"platform": "east"}, {"platform": "west"}), id="platforms"),
    ],
)
async def test_the_same_outcome_of_two_is_told_of_both(send: Send, store: Store, whose: Any) -> None:
    answers = [await send("Completed", **one) for one in (*whose, *whose)]

    assert [answer.status for answer in answers] == ["accepted", "accepted", "duplicate", "duplicate"]
    assert [answer.deliveries for answer in answers] == [1, 1, 0, 0]
    assert len({delivery.lane for delivery in await claim(store)}) == 2


async def test_what_does_not_say_whose_it_is_joins_the_only_one_it_can_mean(send: Send) -> None:
    await send("Initiated", tenant="acme", project="p1")

    thin = [await send("Running", progress=10), await send("Running", tenant="acme", progress=20)]
    again = await send("Running", tenant="acme", project="p1", progress=20)

    assert [answer.status for answer in (*thin, again)] == ["accepted", "accepted", "duplicate"]


async def test_what_says_more_joins_the_one_that_said_nothing_yet(send: Send, store: Store) -> None:
    await send("Initiated")
    await send("Running", tenant="acme", progress=10)

    shown = await Admin(store).timeline("1042")  # AmbiguousId where there are two
    assert shown
    assert shown.operation.facts["tenant"] == "acme"


async def test_what_could_mean_two_is_refused_and_names_both(send: Send) -> None:
    await send("Initiated", tenant="acme", project="p1")
    await send("Initiated", tenant="globex")

    with pytest.raises(AmbiguousId) as caught:
        await send("Running", progress=10)

    assert [f"{space}" for space in caught.value.spaces] == ["--tenant acme --project p1", "--tenant globex"]
    assert caught.value.field == "operation"
    assert (await send("Running", project="p1", tenant="acme", progress=10)).status == "accepted"


async def test_a_batch_does_not_tell_of_another_tenants_member(ingest: Ingest, store: Store) -> None:
    await ingest.ingest(events.event_of(batch_started("acme")))

    accepted = await ingest.ingest(events.event_of(document("Failed", "globex", operationId="op-globex", batchId="b")))

    assert accepted.deliveries == 1
    deliveries = await claim(store)
    assert {(delivery.kind, delivery.event.subject) for delivery in deliveries} == {
        ("live", "b"),
        ("live", "op-globex"),
    }
    assert len({delivery.lane for delivery in deliveries}) == 2


def batch_started(tenant: str) -> dict[str, Any]:
    return {"event": "batch.started", "tenantId": tenant, "batch": {"batchId": "b", "status": "Initiated"}}
