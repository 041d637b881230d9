"""Quiet hours and the cap as the configuration says them: whom they hold back, when, and what passes."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from relay.channels import CHANNELS
from relay.config import Config, parse_config
from relay.domain.deliveries import Digest, Target
from relay.domain.events import Event
from relay.domain.parsing import parse
from relay.policy.targets import Targets
from tests.support import events

TEXT = """
timezone: Europe/Berlin
quiet_hours: {from: "20:00", to: "07:00"}
sources: {async-operations: {signature: {secrets: {current: "a-secret-of-enough-length"}}}}
channels:
  slack: {token: xoxb-2048-abcdef}
  email: {host: localhost, from: relay@example.com}
destinations:
  team: {slack: "#team", mode: live}
  abroad: {email: a@example.com, timezone: Pacific/Kiritimati}
  never: {slack: "#ops", mode: each, quiet_hours: off}
  own: {slack: "#own", mode: each, quiet_hours: {from: 12:00, to: 13:00, days: mon-fri, pass: failed}}
  weekly: {email: b@example.com, mode: digest, at: 08:30, days: mon}
rules: [{events: ["*"], notify: [team, abroad, never, own, weekly]}]
"""


def configured(text: str = TEXT) -> Config:
    return parse_config(text, env={}, channels=CHANNELS)


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Berlin"))


def event(at: str, name: str = "operation.completed", **operation: Any) -> Event:
    status = {"operation.completed": "Completed", "operation.failed": "Failed"}[name]
    body = events.body(name, 100, **({"status": status} | operation))
    return parse(body, source="async-operations", received_at=berlin(at))


def found(given: Event, config: Config | None = None) -> dict[str, Target]:
    config = config or configured()
    targets = Targets(config, CHANNELS).of(given)
    return {target.destination: target for target in targets}


def quiet(given: Event) -> set[str]:
    return {
        name
        for name, target in found(given).items()
        if not isinstance(target.how, Digest) and target.how.quiet_window and not target.how.bypass_quiet_hours
    }


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-03-09T12:30", {"abroad", "own"}),  # half past one in the night in Kiritimati
        ("2026-03-09T19:59", set()),
        ("2026-03-09T20:00", {"team"}),
        ("2026-03-10T06:59", {"team"}),
        ("2026-03-08T12:30", {"abroad"}),  # a Sunday
        ("2026-03-10T07:00", {"abroad"}),  # eight in the evening there
    ],
)
def test_each_destination_is_quiet_by_its_own_clock(at: str, expected: set[str]) -> None:
    assert quiet(event(at)) == expected


def test_critical_failures_pass_and_others_wait() -> None:
    night = "2026-03-09T23:00"

    passing = {
        priority: found(event(night, "operation.failed", priority=priority))["team"].how.bypass_quiet_hours
        for priority in ("Normal", "High", "Critical")
    }

    assert passing == {"Normal": False, "High": False, "Critical": True}
    assert not found(event(night, priority="Critical"))["team"].how.bypass_quiet_hours


def test_a_digest_has_its_windows_and_is_never_quiet() -> None:
    target = found(event("2026-03-08T23:00"))["weekly"]

    assert isinstance(target.how, Digest)
    assert [window.end for window in target.how.windows] == [
        berlin("2026-03-09T08:30").timestamp(), berlin("2026-03-16T08:30").timestamp()
    ]  # fmt: skip


def test_a_weekly_digest_is_sent_even_if_empty_and_a_daily_one_is_not() -> None:
    weekly = configured().destinations["weekly"]
    daily = configured(TEXT.replace("days: mon}", "days: mon-fri}")).destinations["weekly"]

    assert [one.sent_empty for one in (weekly, daily)] == [True, False]


def test_new_live_messages_are_capped_unless_it_is_off() -> None:
    given = event("2026-03-09T15:00")

    capped = found(given)
    off = found(given, configured(TEXT.replace("abcdef}", "abcdef, new_message_limit: off}")))
    own = found(given, configured(TEXT.replace("abcdef}", "abcdef, new_message_limit: {count: 5, per: 1m}}")))

    assert (capped["team"].limits.new_message_cap, capped["own"].limits.new_message_cap) == ((20, 600.0), None)
    assert (off["team"].limits.new_message_cap, own["team"].limits.new_message_cap) == (None, (5, 60.0))
