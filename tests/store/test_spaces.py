"""Tenants, projects and platforms may use the same ids: each has messages and facts of its own."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from relay.channels import CHANNELS
from relay.config import parse_config
from relay.domain.deliveries import Accepted, Delivery
from relay.domain.facts import Space
from relay.domain.links import Person
from relay.errors import AmbiguousId
from relay.ingest import Ingest
from relay.interactivity.buttons import PURPOSE, Button, action_requested, action_targets, buttons_for
from relay.policy.watchdog import decide, event_of
from relay.policy.watchdog_settings import Watchdog
from relay.store import Store
from relay.store.queries.admin import Admin
from relay.store.queries.runs import Runs
from tests.support import events
from tests.support.clock import Clock
from tests.support.queue import claim, send_all
from tests.support.stage import SIGNING

CONFIG = parse_config(
    """
sources: {async-operations: {signature: {secrets: {current: "the-secret-of-the-platform"}}}}
platform: {base_url: "https://east.example.com", tenant: acme, project: p1}
channels:
  slack: {token: xoxb-1-spaces, new_message_limit: off, interactivity: http, signing_secret: "the-secret-of-the-app",
          actions: {cancel: ["U0LEAD0001"], retry: ["U0LEAD0001"]}}
  email: {host: 127.0.0.1, tls: none, from: relay@example.com}
destinations: {team: {slack: "#team", mode: live, live: {post_after: 0s, min_step: 0, min_interval: 0s}}}
dynamic_destinations: {email_domains: [example.com]}
rules: [{name: all, events: ["operation.*", "batch.*"], notify: [team]}]
""",
    env={},
    channels=CHANNELS,
)
Send = Callable[..., Awaitable[Accepted]]
Pair = tuple[dict[str, str], dict[str, str]]
EVENTS = {"Initiated": "operation.started", "Running": "operation.progress", "Failed": "operation.failed",
          "Completed": "operation.completed"}  # fmt: skip
PAIRS: dict[str, Pair] = {
    "tenants": ({"tenant": "acme"}, {"tenant": "globex"}),
    "projects": ({"tenant": "acme", "project": "p1"}, {"tenant": "acme", "project": "p2"}),
    "platforms": ({"platform": "east"}, {"platform": "west"}),
}
pairs = pytest.mark.parametrize("pair", [pytest.param(pair, id=name) for name, pair in PAIRS.items()])


@pytest.fixture
def ingest(store: Store, clock: Clock) -> Ingest:
    return Ingest(store, lambda: CONFIG, CHANNELS, clock=clock)


@pytest.fixture
def send(ingest: Ingest) -> Send:
    async def one(status: str, *, tenant: str = "", project: str = "", platform: str = "", **of: Any) -> Accepted:
        event = events.event_of(document(status, tenant, project, **of), platform=platform)
        return await ingest.ingest(event)

    return one


def document(status: str, tenant: str = "", project: str = "", **operation: Any) -> dict[str, Any]:
    whose = {name: value for name, value in (("tenantId", tenant), ("projectId", project)) if value}
    return {"event": EVENTS[status], "operation": {"operationId": "1042", "status": status, **operation}, **whose}


def space_of(delivery: Delivery) -> Space:
    return Space.of_event(delivery.event)


def buttons_of(delivery: Delivery) -> list[Button]:
    return [Button.of(SIGNING.redeem(PURPOSE, one["value"])) for one in buttons_for(delivery, CONFIG, SIGNING)]


@pairs
async def test_the_same_outcome_of_two_is_told_of_both(send: Send, store: Store, pair: Pair) -> None:
    answers = [await send("Completed", **one) for one in (*pair, *pair)]

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
    batch = {"event": "batch.started", "tenantId": "acme", "batch": {"batchId": "b", "status": "Initiated"}}
    await ingest.ingest(events.event_of(batch))

    accepted = await ingest.ingest(events.event_of(document("Failed", "globex", operationId="op-globex", batchId="b")))

    assert accepted.deliveries == 1
    deliveries = await claim(store)
    assert {(delivery.kind, delivery.event.subject) for delivery in deliveries} == {
        ("live", "b"),
        ("live", "op-globex"),
    }
    assert len({delivery.lane for delivery in deliveries}) == 2


@pairs
async def test_alarms_and_outcomes_are_told_to_each_ones_own_readers(
    send: Send, ingest: Ingest, store: Store, clock: Clock, pair: Pair
) -> None:
    for number, one in enumerate(pair):
        await send("Initiated", **one, notifications={"email": [f"reader-{number}@example.com"]})
    runs = Runs(store)
    page = await runs.due(10)
    for due in page.runs:
        alert = decide(due.run, Watchdog(), page.now + 5 * 3600)
        assert alert
        await ingest.ingest(event_of(alert, due.run, await runs.history(due.operation), page.now))
    mailed = await send_all(store, clock, "email")
    for one in pair:
        await send("Failed", **one)
    mailed += await send_all(store, clock, "email")

    mails = {(mail.address, mail.event.name, space_of(mail)) for mail in mailed}
    assert mails == {
        (f"reader-{number}@example.com", name, Space(**one))
        for number, one in enumerate(pair)
        for name in ("operation.stalled", "operation.failed")
    }


@pairs
async def test_muting_ones_run_silences_that_alone(
    send: Send, ingest: Ingest, store: Store, clock: Clock, pair: Pair
) -> None:
    for one in pair:
        await send("Initiated", **one)
    for delivery in await send_all(store, clock):
        if space_of(delivery) == Space(**pair[1]):
            [mute] = [button for button in buttons_of(delivery) if button.action == "mute"]
            now = datetime.fromtimestamp(clock(), UTC)
            press = action_requested(mute, "lead", Person("U0LEAD0001", "lead"), now, "press-1")
            await ingest.ingest(press, action_targets(press, CONFIG, CHANNELS))
    await send_all(store, clock)
    for one in pair:
        await send("Failed", **one)

    replies = [space_of(delivery) for delivery in await send_all(store, clock) if delivery.kind == "reply"]

    assert replies == [Space(**pair[0])]


@pytest.mark.parametrize(("platform", "offered"), [("", {"cancel", "mute"}), ("west", {"mute"})])
async def test_what_another_platform_runs_is_not_cancelled_at_the_configured_one(
    send: Send, store: Store, clock: Clock, platform: str, offered: set[str]
) -> None:
    await send("Initiated", platform=platform, tenant="acme", project="p1")

    (delivery,) = await send_all(store, clock)

    assert {button.action for button in buttons_of(delivery)} == offered
