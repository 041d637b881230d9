"""Platforms, tenants and projects that use the same ids for everything at once: none touches what is another's."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from relay.channels import CHANNELS
from relay.config import Config, parse_config
from relay.domain import links
from relay.domain.deliveries import Accepted, Delivery
from relay.domain.events import Event
from relay.domain.facts import Space, audience_of
from relay.domain.links import Person
from relay.domain.parsing import parse
from relay.ingest import Ingest
from relay.interactivity.buttons import PURPOSE, Button, action_requested, action_targets, buttons_for
from relay.policy.watchdog import decide, event_of
from relay.policy.watchdog_settings import Watchdog
from relay.store import Store
from relay.store.queries.runs import Runs
from tests.support.clock import Clock
from tests.support.queue import send_all

CONFIG = """
sources:
  async-operations: {signature: {secrets: {current: "kFv8-the-secret-of-the-platform"}}}
platform: {base_url: "https://east.example.com", tenant: acme, project: p1}
channels:
  slack: {token: xoxb-1-ids, new_message_limit: off, interactivity: http, signing_secret: kFv8-the-secret-of-the-app,
          actions: {cancel: ["U0LEAD0001"], retry: ["U0LEAD0001"]}}
  email: {host: 127.0.0.1, tls: none, from: relay@example.com}
destinations:
  team: {slack: "#team", mode: live, live: {post_after: 0s, min_step: 0, min_interval: 0s}}
  desk: {email: desk@example.com}
  daily: {email: daily@example.com, mode: digest}
dynamic_destinations: {email_domains: [example.com]}
rules:
  - {name: live, events: ["operation.*", "batch.*"], notify: [team, daily]}
  - {name: mails, events: ["operation.*", "batch.*"], tenants: [acme, globex], notify: [desk]}
"""
KEY = b"k" * 32


@dataclass(frozen=True)
class Whose:
    """Where one of the two stands."""

    platform: str = ""
    tenant: str = "acme"
    project: str = "p1"

    @property
    def space(self) -> Space:
        return Space(self.platform, self.tenant, self.project)

    @property
    def name(self) -> str:
        return "-".join(filter(None, self.space))


PAIRS = {
    "tenants": (Whose(), Whose(tenant="globex")),
    "platforms": (Whose(platform="east"), Whose(platform="west")),
}
pairs = pytest.mark.parametrize("pair", [pytest.param(pair, id=name) for name, pair in PAIRS.items()])


class Shared:
    """One relay and two senders whose ids are the same."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock
        self.config: Config = parse_config(CONFIG, env={}, channels=CHANNELS)
        self.intake = Ingest(store, lambda: self.config, CHANNELS, clock=clock)

    async def tell(self, whose: Whose, name: str, *, thin: bool = False, **parts: Any) -> Accepted:
        """An event of operation 42, or what `parts` say. `thin`: it does not say of whom it is."""
        return await self.ingest(self.event(whose, name, thin=thin, **parts))

    async def ingest(self, event: Event, targets: Any = None) -> Accepted:
        return await self.intake.ingest(event, targets)

    def event(self, whose: Whose, name: str, *, thin: bool = False, **parts: Any) -> Event:
        now = datetime.fromtimestamp(self.clock(), UTC)
        stated = {} if thin else {"tenantId": whose.tenant, "projectId": whose.project}
        operation = {"operationId": "42", **parts.pop("operation", {})} if "batch" not in parts else None
        body = {"event": name, "timestamp": now.isoformat(), **stated, **parts}
        if operation:
            body["operation"] = operation
        return parse(body, source="async-operations", received_at=now, platform="" if thin else whose.platform)

    async def starts(self, whose: Whose, **operation: Any) -> Accepted:
        named = {"operationName": f"Run of {whose.name}", "operationType": "Report", "priority": "Normal"}
        return await self.tell(whose, "operation.started", operation=named | operation)

    async def fails(self, whose: Whose, **operation: Any) -> Accepted:
        error = {"code": "E17", "message": "the disk of 10.0.0.7 is full"}
        return await self.tell(whose, "operation.failed", operation=operation, error=error)

    async def sent(self, channel: str = "slack") -> list[Delivery]:
        return await send_all(self.store, self.clock, channel)


@pytest.fixture
async def shared(store: Store, clock: Clock) -> Shared:
    return Shared(store, clock)


def whose(delivery: Delivery) -> Space:
    return Space.of_event(delivery.event)


# Who is told


@pairs
async def test_each_ones_own_audience_is_remembered(shared: Shared, pair: tuple[Whose, Whose]) -> None:
    for number, one in enumerate(pair):
        await shared.starts(one, notifications={"email": [f"reader-{number}@example.com"]})
    known = [await shared.store.known("42", one.space) for one in pair]
    await shared.fails(pair[0])
    await shared.fails(pair[1])

    assert [audience_of(facts["audience"]).email for facts in known] == [  # type: ignore[union-attr]
        ("reader-0@example.com",), ("reader-1@example.com",),
    ]  # fmt: skip
    mails = {(mail.address, whose(mail)) for mail in await shared.sent("email") if mail.destination == "dynamic"}
    assert mails == {("reader-0@example.com", pair[0].space), ("reader-1@example.com", pair[1].space)}


# Messages, and what they do


@pairs
async def test_muting_ones_run_silences_that_alone(shared: Shared, pair: tuple[Whose, Whose]) -> None:
    for one in pair:
        await shared.starts(one)
    for delivery in await shared.sent():
        (button,) = [button for button in _buttons(shared, delivery) if button.action == "mute"]
        if whose(delivery) == pair[1].space:
            await press(shared, button)
    await shared.sent()
    await shared.fails(pair[0])
    await shared.fails(pair[1])

    replies = [whose(delivery) for delivery in await shared.sent() if delivery.kind == "reply"]

    assert replies == [pair[0].space]


@pytest.mark.parametrize(("platform", "offered"), [("", {"cancel", "mute"}), ("west", {"mute"})])
async def test_what_another_platform_runs_is_not_cancelled_at_the_configured_one(
    shared: Shared, platform: str, offered: set[str]
) -> None:
    await shared.starts(Whose(platform=platform))

    (delivery,) = await shared.sent()

    assert {button.action for button in _buttons(shared, delivery)} == offered


def _buttons(shared: Shared, delivery: Delivery) -> Iterator[Button]:
    for one in buttons_for(delivery, shared.config, KEY):
        yield Button.of(links.redeem(KEY, PURPOSE, one["value"]))


async def press(shared: Shared, button: Button) -> None:
    now = datetime.fromtimestamp(shared.clock(), UTC)
    event = action_requested(button, "lead", Person("U0LEAD0001", "lead"), now, "press-1")
    await shared.ingest(event, action_targets(event, shared.config, CHANNELS))


# What relay looks at by itself


@pairs
async def test_alarms_are_told_of_each_and_to_its_own_readers(shared: Shared, pair: tuple[Whose, Whose]) -> None:
    for number, one in enumerate(pair):
        await shared.starts(one, notifications={"email": [f"reader-{number}@example.com"]})
    runs = Runs(shared.store)
    page = await runs.due(10)
    for due in page.runs:
        alert = decide(due.run, Watchdog(), page.now + 3600)
        assert alert
        await shared.ingest(event_of(alert, due.run, await runs.history(due.operation), page.now))

    mails = {(mail.address, whose(mail)) for mail in await shared.sent("email") if mail.destination == "dynamic"}

    assert mails == {("reader-0@example.com", pair[0].space), ("reader-1@example.com", pair[1].space)}


@pairs
async def test_the_batch_that_does_not_say_whose_it_is_ends_no_others_member(
    shared: Shared, pair: tuple[Whose, Whose]
) -> None:
    first, second = pair
    await shared.tell(first, "batch.started", batch={"batchId": "b", "status": "Running"})
    await shared.starts(second)
    before = {due.run.subject for due in (await Runs(shared.store).due(10)).runs}
    body = {"batch": {"batchId": "b", "status": "Running"}, "operation": {"operationId": "42", "status": "Completed"}}
    now = datetime.fromtimestamp(shared.clock(), UTC)
    thin = parse({"event": "batch.operation.completed", "timestamp": now.isoformat(), **body},
                 source="async-operations", received_at=now)  # fmt: skip
    await shared.ingest(thin)
    shared.clock.advance(60)

    assert before == {"42", "b"}
    assert "42" in {due.run.subject for due in (await Runs(shared.store).due(10)).runs}
