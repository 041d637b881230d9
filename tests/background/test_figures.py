"""The gauges of what all processes share are what Redis has, and what may be paused."""

from collections.abc import Mapping

import pytest
from prometheus_client import REGISTRY

from relay.background.figures import Figures, ProcessFigures
from relay.channels import CHANNELS
from relay.config import parse_config
from relay.domain.deliveries import Each
from relay.policy.retry import Pause
from relay.store import Store
from relay.store.queries.admin import Admin
from tests.support.clock import Clock
from tests.support.events import body, event_of
from tests.support.queue import claim_one
from tests.support.targets import mail, room
from tests.support.waiting import until

CONFIG = """
sources: {async-operations: {signature: {secrets: {current: "a-secret-of-enough-length"}}}}
channels: {slack: {token: xoxb-1-health}, email: {host: localhost, from: relay@example.com}}
destinations: {team: {slack: "#team"}}
rules: []
"""


def shown(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


@pytest.fixture
def figures(redis_store: Store, clock: Clock) -> Figures:
    config = parse_config(CONFIG, env={}, channels=CHANNELS)

    return Figures(redis_store, Admin(redis_store), lambda: config, clock)


async def test_what_waits_and_what_is_paused_is_shown_by_channel(
    redis_store: Store, clock: Clock, figures: Figures
) -> None:
    store = redis_store
    event = event_of(body("operation.failed", 40, status="Failed", operationId="op-1"), id="evt-1")
    await store.report(event, [mail("a@example.com", how=Each()), room(how=Each())])
    delivery = await claim_one(store, "slack")
    await store.mark_sending(delivery)
    hold = Pause("channel:slack", 600.0, "invalid_auth", probe=True)
    await store.reschedule(delivery, 600.0, "invalid_auth", refund_attempt=True, holds=[hold])
    assert (await store.claim("slack", 1)).deliveries == ()  # it is parked with what else is for that channel
    await until(lambda: _is_parked(store))
    clock.advance(90.0)
    await store.bodies.keep("async-operations", b"{}", {}, "no operation", fault=False)
    await store.bodies.keep("async-operations", b"[]", {}, "KeyError", fault=True)

    await figures.measure()

    assert [shown("relay_due_age_seconds", channel=name) for name in ("email", "slack")] == [90.0, 0.0]
    assert [shown("relay_queued", channel=name) for name in ("email", "slack")] == [1.0, 1.0]
    assert [shown("relay_pauses", kind=kind) for kind in ("channel", "destination", "limit")] == [1.0, 0.0, 0.0]
    assert [shown("relay_quarantine_bodies", kind=kind) for kind in ("fault", "other")] == [1.0, 1.0]
    assert [shown("relay_ledger", place=place) for place in ("pending", "dead")] == [2.0, 0.0]
    assert shown("relay_ledger_imbalance") == 0.0


async def _is_parked(store: Store) -> bool:
    return bool((await Admin(store).parked(["slack"], ["channel:slack"]))["channel:slack"])


@pytest.mark.parametrize(("trouble", "lacks", "takes", "expected"), [
    ("", {}, True, (1.0, 1.0, 0.0, 1.0)),
    ("Redis: away", {"durability": "Redis: away"}, True, (0.0, 0.0, 1.0, 0.0)),
    ("", {"durability": "memory, and it was fsync"}, True, (1.0, 1.0, 1.0, 1.0)),
    ("", {"memory": "Redis uses 95%"}, False, (0.0, 1.0, 0.0, 1.0)),
], ids=["well", "away", "weakened", "full"])  # fmt: skip
def test_whether_it_serves_is_said_as_readyz_says_it(
    figures: Figures, trouble: str, lacks: Mapping[str, str], takes: bool, expected: tuple[float, ...]
) -> None:
    figures.promise(trouble, lacks, takes=takes)

    names = ("relay_ready", "relay_redis_up", "relay_durability_short")
    assert (*(shown(name) for name in names), shown("relay_durability", promise="memory")) == expected


def test_a_process_says_how_it_is_doing() -> None:
    process, before = ProcessFigures(), shown("relay_event_loop_lag_seconds_sum") or 0.0

    process.measure(lag=-0.001)  # asyncio may come a little early
    process.measure(lag=0.25)

    assert (shown("relay_event_loop_lag_seconds_sum") or 0.0) - before == pytest.approx(0.25)
    assert (shown("relay_resident_memory_bytes") or 0) > 10_000_000
    assert (shown("relay_cpu_seconds_total") or 0) > 0
