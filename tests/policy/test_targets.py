"""How an event's targets depend on the moment at which it comes, and on the batch that it belongs to."""

from dataclasses import replace
from typing import Any

from relay.channels import CHANNELS
from relay.config import parse_config
from relay.domain.deliveries import Target
from relay.domain.events import Event
from relay.policy.matching import Rule
from relay.policy.targets import Targets
from relay.reasons import Held
from tests.support.events import body, event_of

CONFIG = parse_config(
    """
timezone: Europe/Berlin
quiet_hours: {from: "20:00", to: "07:00"}
sources: {ops: {signature: {secrets: {current: a-secret-of-enough-length}}}}
channels:
  slack: {token: xoxb-2048-abcdef}
  email: {host: localhost, from: relay@example.com}
destinations:
  team: {slack: "#team", mode: live}
  daily: {email: daily@example.com, mode: digest, at: "08:30"}
  people: {email: [one@example.com, two@example.com]}
rules: []
""",
    env={},
    channels=CHANNELS,
)
ALL = Rule(name="all", notify=("people",))


def targets_of(event: Event, *rules: Rule) -> tuple[Target, ...]:
    return Targets(CONFIG.model_copy(update={"rules": rules}), CHANNELS).of(event)


def member_at(name: str = "operation.failed", *, batch_open: bool = True, **operation: Any) -> Event:
    return replace(event_of(body(name, **operation)), member_of="batch-1", batch_open=batch_open)


def hold_reason(event: Event, *rules: Rule) -> str:
    (reason,) = {target.hold_reason for target in targets_of(event, *rules)}
    return reason


def test_how_a_member_ended_is_left_to_the_mail_about_the_end_of_its_batch() -> None:
    assert hold_reason(member_at(status="Failed"), ALL) == Held.SHOWN_BY_BATCH
    assert hold_reason(member_at("operation.completed", status="Completed"), ALL) == Held.SHOWN_BY_BATCH


def test_a_critical_failure_of_a_member_is_mailed_at_once() -> None:
    assert hold_reason(member_at(status="Failed", priority="Critical"), ALL) == ""


def test_a_member_is_mailed_where_no_mail_about_its_batch_can_be_relied_on() -> None:
    of_operations = Rule(name="operations", events=("operation.*",), notify=("people",))

    assert hold_reason(member_at(status="Failed"), of_operations) == ""
    assert hold_reason(member_at(status="Failed", batch_open=False), ALL) == ""


def test_a_members_end_that_a_rule_names_is_always_mailed() -> None:
    named = Rule(name="named", events=("operation.failed", "batch.*"), notify=("people",))

    assert hold_reason(member_at(status="Failed"), named) == ""
