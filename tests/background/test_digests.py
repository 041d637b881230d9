"""Digests from event to mail: what an entry says, what a digest amounts to, and that each is sent once and in time."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from relay.background.upkeep import Digests
from relay.channels import CHANNELS
from relay.config import Config, parse_config
from relay.domain.deliveries import Notification
from relay.domain.digest_entries import summarize
from relay.domain.digests import MAX_ROWS, build_digest, per_day
from relay.domain.events import Event
from relay.domain.parsing import parse
from relay.ingest import Ingest
from relay.rendering import IsolatedRenderer
from relay.store import Store
from tests.support import events
from tests.support.clock import Clock
from tests.support.wire import Wire
from tests.support.workers import worker_of

TEMPLATES = Path(__file__).parents[2] / "templates"
TEXT = """
timezone: Europe/Berlin
sources: {async-operations: {signature: {secrets: {current: "a-secret-of-enough-length"}}}}
channels:
  slack: {token: xoxb-2048-abcdef}
  email: {host: localhost, from: relay@example.com}
destinations:
  daily: {email: [a@example.com, b@example.com], mode: digest, at: "08:30", language: de}
  weekly: {slack: "#ops", mode: digest, at: "09:00", days: mon}
  team: {slack: "#team", mode: each, quiet_hours: {from: "20:00", to: "07:00"}}
rules: [{events: ["operation.*"], notify: [daily, weekly]}, {events: [operation.failed], notify: [team]}]
"""
FRIDAY, NOON = datetime(2026, 3, 6, 7, 30, tzinfo=UTC), datetime(2026, 3, 8, 12, tzinfo=UTC)
MONDAY = datetime(2026, 3, 9, 7, 30, tzinfo=UTC)


def row(number: int = 1, status: str = "Completed", **more: Any) -> dict[str, Any]:
    ended = NOON + timedelta(minutes=number)
    return {"id": f"op-{number}", "status": status, "at": ended.isoformat(), "retry": 0,
            "started": (ended - timedelta(minutes=10)).isoformat(), **more}  # fmt: skip


def document(rows: list[dict[str, Any]], kind: str = "digest", **more: Any) -> dict[str, Any]:
    return build_digest(kind, FRIDAY.timestamp(), MONDAY.timestamp(), rows, **more)


class TestEntries:
    def test_an_entry_says_what_the_event_says_and_leaves_out_the_rest(self) -> None:
        said = summarize(events.failed(priority="Critical", trackingUrl="/api/{tenantId}/op"))

        assert (said["status"], said["priority"], said["path"]) == ("Failed", "Critical", "/api/{tenantId}/op")
        assert said["error"] == "The extractor did not answer for 300 s."
        assert "anomalies" not in said

    def test_a_batch_is_counted_by_its_members(self) -> None:
        members = [{"status": status} for status in ("Completed", "Failed", "Timeout", "Running")]
        body = {"event": "batch.completed", "batch": {"batchId": "b", "batchName": "Month end", "operations": members}}

        said = summarize(parse(body, source="s", received_at=NOON))

        assert (said["batch"], said["total"], said["done_count"], said["failed_count"]) == (True, 4, 3, 2)
        assert said["completed_count"] == 1

    def test_a_stalled_run_keeps_its_rule_until_it_recovers_or_ends(self) -> None:
        operation = {"operationId": "x", "operationName": "Run"}
        stalled = {"event": "operation.stalled", "operation": operation, "stalled": {"rule": "late", "by": "limit"}}
        recovered = {"event": "operation.recovered", "operation": operation, "recovered": {"rule": "late"}}

        older = {**stalled, "stalled": {"rule": "flat"}}  # of the release before

        bodies = (stalled, older, recovered)
        said = [summarize(parse(body, source="relay", received_at=NOON)).get("rule") for body in bodies]

        assert said == ["late", "progress", ""]
        assert (summarize(events.progress(40)).get("rule"), summarize(events.completed())["rule"]) == (None, "")


class TestFigures:
    def test_the_worst_comes_first(self) -> None:
        rows = [row(1, "Running", rule="late"), row(2, "Timeout"), row(3, "Failed"),
                row(4, "Running", rule="silent", priority="Critical"), row(5), row(6, "Running")]  # fmt: skip

        told = document(rows)

        assert [one["id"] for one in told["entries"]] == ["op-4", "op-3", "op-2", "op-1", "op-5", "op-6"]
        figures = {name: told["totals"][name] for name in ("completed", "failed", "overdue", "total")}
        assert figures == {"completed": 1, "failed": 2, "overdue": 2, "total": 6}

    def test_no_more_rows_than_a_mail_holds_and_all_are_counted(self) -> None:
        rows = [row(number, status) for status in ("Failed", "Completed", "Running") for number in range(500)]

        told = document(rows)

        assert len(told["entries"]) == sum(MAX_ROWS.values()) - MAX_ROWS["recovered"] == 60
        assert [told["totals"][name] for name in ("attention", "done", "running")] == [500] * 3

    def test_a_batch_of_which_some_failed_needs_attention_and_is_not_done(self) -> None:
        batch = {"batch": True, "total": 20, "done_count": 20, "completed_count": 18}
        rows = [row(1, **batch, failed_count=2), row(2, **batch, failed_count=0), row(3, "Running", failed_count=1)]

        told = document(rows)

        figures = {
            name: told["totals"][name] for name in ("attention", "done", "completed", "failed", "overdue", "over")
        }
        assert figures == {"attention": 2, "done": 1, "completed": 1, "failed": 1, "overdue": 0, "over": 2}
        assert per_day(rows, "UTC") == {"2026-03-08": (1, 1)}

    def test_runs_of_one_job_are_one_row(self) -> None:
        names = ["Sales 2026-03-06", "Sales 2026-03-07", "Sales 2026-03-08, again"]
        rows = [row(n, name=name, duration=60 * n, anomalies=n) for n, name in enumerate(names, 1)]
        rows += [row(4, name="Sales 2026-03-08", type="Other"), row(5, "Cancelled", name=names[0]), row(6), row(7)]

        told = {one["name"]: one for one in document(rows)["entries"] if one.get("runs")}

        assert told.keys() == {"Sales"}
        facts = {name: told["Sales"][name] for name in ("runs", "shortest", "longest", "anomalies", "id")}
        assert facts == {"runs": 2, "shortest": 60, "longest": 120, "anomalies": 3, "id": "op-2"}

    def test_a_day_is_the_readers(self) -> None:
        late = [row(1) | {"at": "2026-03-08T23:30:00+00:00"}]  # the ninth in Berlin
        late += [row(2, "Failed") | {"at": "2026-03-07T12:00:00+00:00"}]

        days = {zone: document(late, zone=zone)["days"] for zone in ("UTC", "Europe/Berlin")}

        assert [day["date"] for day in days["UTC"] if day["completed"]] == ["2026-03-08"]
        assert [day["date"] for day in days["Europe/Berlin"] if day["completed"]] == ["2026-03-09"]
        assert [len(bars) for bars in days.values()] == [7, 7]


@pytest.fixture
def config() -> Config:
    return parse_config(TEXT, env={}, channels=CHANNELS)


@pytest.fixture
async def renderer() -> AsyncIterator[IsolatedRenderer]:
    made = IsolatedRenderer([TEMPLATES])
    yield made
    await made.aclose()


class World:
    """Some relays on one Redis, under a clock."""

    def __init__(self, stores: list[Store], config: Config, renderer: IsolatedRenderer, clock: Clock) -> None:
        self.post, self.config, self.clock = Wire(), config, clock
        self.post.limited = (), ()
        self.intakes = [Ingest(store, lambda: config, CHANNELS) for store in stores]
        self.ticks = [Digests(store, lambda: config, CHANNELS) for store in stores]
        channels = {"slack": self.post, "email": self.post}
        self.workers = [worker_of(store, channels, config, renderer, clock=clock) for store in stores]

    def at(self, text: str) -> None:
        self.clock.now = datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()

    async def take(self, maker: Callable[..., Event], name: str, relay: int = 0, **operation: Any) -> None:
        body = maker(operationId=name, operationName=name, **operation).document
        moment = datetime.fromtimestamp(self.clock(), UTC)
        await self.intakes[relay].ingest(
            parse({**body, "timestamp": moment.isoformat()}, source="x", received_at=moment)
        )

    async def run(self) -> list[Notification]:
        """All ticks and all that is due; what arrived by it."""
        before = len(self.post.arrived)
        for digests in self.ticks:
            await digests.tick(self.clock())
        for worker in self.workers:
            for channel in ("slack", "email"):
                await worker.run_once(channel)
        return self.post.arrived[before:]


@pytest.fixture
def world(open_store: Callable[..., Store], config: Config, renderer: IsolatedRenderer, clock: Clock) -> World:
    return World([open_store(), open_store()], config, renderer, clock)


class TestDelivery:
    async def test_one_mail_for_each_reader_at_half_past_eight(self, world: World) -> None:
        world.at("2026-03-09T12:00")
        for number in range(4):
            await world.take(events.completed, f"run-{number}", number % 2)
        world.at("2026-03-10T07:29:59")
        early = await world.run()
        world.at("2026-03-10T07:30")

        mails = await world.run()
        again = await world.run()

        assert (early, again) == ([], [])
        assert sorted(mail.address for mail in mails) == ["a@example.com", "b@example.com"]
        assert "4 Läufe" in mails[0].content["text"]
        assert mails[0].language == "de"

    async def test_a_digest_compares_itself_with_the_one_before(self, world: World) -> None:
        for day in ("09", "10"):
            world.at(f"2026-03-{day}T12:00")
            for number in range(int(day) - 8):
                await world.take(events.completed, f"run-{day}-{number}")
            world.at(f"2026-03-{int(day) + 1:02}T07:30")
            mails = [one for one in await world.run() if one.address == "a@example.com"]

        assert "am Dienstag." in mails[0].content["text"]

    async def test_the_night_is_told_in_one_message_in_the_morning(self, world: World) -> None:
        world.at("2026-03-09T22:00")
        for name, priority in (("first run", "Normal"), ("second run", "High"), ("third run", "Critical")):
            await world.take(events.failed, name, priority=priority)
        night = [one.subject for one in await world.run()]
        world.at("2026-03-10T06:00")

        morning = [one for one in await world.run() if one.destination == "team"]

        assert (night, [one.kind for one in morning]) == (["third run"], ["roundup"])
        assert ["first run" in str(morning[0].content), "second run" in str(morning[0].content)] == [True, True]
        assert "third run" in str(world.post.arrived[0].content)


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin", "Pacific/Kiritimati"])
@pytest.mark.parametrize("never", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.9999999Z"])
def test_a_time_at_the_end_of_the_calendar_costs_nobody_the_digest(never: str, zone: str) -> None:
    rows = [
        summarize(events.completed()) | {"at": never, "started": never},
        summarize(events.completed(operationId="op-2")),
    ]

    document = build_digest("daily", FRIDAY.timestamp(), MONDAY.timestamp(), rows, zone=zone)

    assert document["totals"]["completed"] == 2
