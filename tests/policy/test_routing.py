"""Who hears is decided for all rules at once and remembered: always the same as rule by rule, event by event."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.channels import CHANNELS
from relay.config import Config, parse_config
from relay.domain.deliveries import Digest, Target
from relay.domain.event_patterns import KNOWN_EVENTS
from relay.domain.events import PRIORITIES, STATUSES, Audience, Batch, Event, Operation
from relay.policy.matching import Matcher
from relay.policy.routing import Decided, Memo, Routing
from relay.policy.rules import Rule, decide
from relay.policy.targets import Targets
from relay.reasons import Held
from tests.support.events import body, event_of

TEXT = """
timezone: Europe/Berlin
quiet_hours: {from: "20:00", to: "07:00"}
sources: {ops: {signature: {secrets: {current: a-secret-of-enough-length}}}}
channels:
  slack: {token: xoxb-2048-abcdef}
  email: {host: localhost, from: relay@example.com}
destinations:
  team: {slack: "#team", mode: live}
  abroad: {slack: "#abroad", mode: live, timezone: America/New_York, live: {min_step: 0}}
  room: {slack: "#room", mode: each, quiet_hours: off, language: de, mention: {failed: ["@lead"]}}
  noon: {slack: "#noon", mode: each, quiet_hours: {from: 12:00, to: 13:00, days: mon-fri, pass: [failed, running]}}
  people: {email: [one@example.com, two@example.com]}
  daily: {email: daily@example.com, mode: digest, at: "08:30"}
  weekly: {email: weekly@example.com, mode: digest, at: "08:30", days: mon}
rules: []
"""
DYNAMIC = "dynamic_destinations: {email_domains: [example.com], slack: ['#team', '#asked']}\n"
DESTINATIONS = ["team", "abroad", "room", "noon", "people", "daily", "weekly"]
OPEN = parse_config(TEXT, env={}, channels=CHANNELS)
DYNAMICALLY = parse_config(TEXT + DYNAMIC, env={}, channels=CHANNELS)

START = datetime(2026, 3, 27, tzinfo=UTC)  # a Friday; on Sunday the clocks of Berlin change
WORDS = ["", "a", "b", "A"]
PATTERNS = ["*", "operation.*", "*.completed", "batch.*", "operation.failed", "operation.audited", "**", "o*.p*",
            *sorted(KNOWN_EVENTS)]  # fmt: skip
NAMES = [*sorted(KNOWN_EVENTS), "operation.audited", "operation.unheard", "batch.unheard", "operation.*", "*"]
SPELLINGS = ["", "failed", "FAILED", "Queued", "queued", "critical", "CRITICAL"]


def some(words: list[str], most: int = 2) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(words), max_size=most).map(tuple)


def seldom(words: list[str]) -> st.SearchStrategy[tuple[str, ...]]:
    """Mostly none, so that rules match."""
    return st.one_of(st.just(()), st.just(()), some(words, most=3))


def rule(**fields: Any) -> Rule:
    return Rule(**{name: value for name, value in fields.items() if value != ()})


conditions = st.builds(
    rule,
    name=st.text(min_size=1, max_size=3),
    sources=seldom(WORDS),
    tenants=seldom(WORDS),
    projects=seldom(WORDS),
    operation_types=seldom(WORDS),
    events=some(PATTERNS, most=3),
    priorities=seldom([*PRIORITIES]),
    statuses=seldom([*STATUSES]),
    min_progress_increment=st.sampled_from([0, 5, 10]),
    min_interval=st.sampled_from([0, 60]),
    notify=st.lists(st.sampled_from(DESTINATIONS), min_size=1, max_size=3),
)
rules = st.lists(conditions, max_size=8)
words = st.sampled_from([*WORDS, "unheard-of"])
addresses = some(["one@example.com", "new@example.com", "new@evil.com", "#team", "#asked", "nobody", "x" * 254], most=4)
audiences = st.none() | st.builds(Audience, addresses, addresses)
spelled = st.sampled_from([*PRIORITIES, *STATUSES, *SPELLINGS])
operations = st.none() | st.builds(
    Operation, id=st.just("op-1"), type=words, status=spelled, priority=spelled, audience=audiences
)
MEMBERS: list[dict[str, Any]] = [{}, {"operations": [{"status": "Completed"}]}, {"operations": [{"status": "Timeout"}]}]
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "name": st.sampled_from(NAMES),
    "source": words,
    "tenant": words,
    "project": words,
    "operation": operations,
    "batch": st.none() | st.builds(Batch, id=st.just("batch-1"), status=spelled, document=st.sampled_from(MEMBERS)),
    "member_of": st.just("batch-1"),
    "batch_open": st.booleans(),
    "document": st.sampled_from([{}, {"stalled": {"reminder": 0}}, {"stalled": {"reminder": 2}}, {"stalled": "no"}]),
    "received_at": st.integers(0, 10 * 24 * 4).map(lambda quarters: START + timedelta(minutes=15 * quarters)),
}
events = st.builds(Event, id=st.just("evt-1"), occurred_at=st.just(START), **FIELDS)


@st.composite
def near(draw: Callable[..., Any]) -> list[Event]:
    """An event, and some that differ from the one before in a single field."""
    found = [draw(events)]
    for field in draw(st.lists(st.sampled_from([*FIELDS]), min_size=1, max_size=12)):
        found.append(replace(found[-1], **{field: draw(FIELDS[field])}))
    return found


def with_rules(config: Config, rules: list[Rule]) -> Config:
    return config.model_copy(update={"rules": tuple(rules)})


def plainly(event: Event, config: Config) -> tuple[Target, ...]:
    """As it is decided with reasons, and nothing remembered."""
    return Targets(config, CHANNELS).of(decide(event, config.rules))


def whole(targets: tuple[Target, ...]) -> list[tuple[Target, Any]]:
    return [(target, target.options) for target in targets]  # options do not count when targets are compared


@settings(max_examples=300, deadline=None)
@given(rules, st.lists(events, min_size=1, max_size=10))
def test_all_rules_at_once_say_what_each_of_them_says(rules: list[Rule], events: list[Event]) -> None:
    matcher = Matcher(rules)

    for event in events:
        assert matcher.reached(event) == decide(event, rules).reached


def test_many_rules_at_once_say_what_each_of_them_says() -> None:
    rules = [
        rule(
            name=f"{number}",
            events=(PATTERNS[number % 11],),
            tenants=(f"tenant-{number % 50}",) if number % 3 else (),
            priorities=(PRIORITIES[number % 4],),
            notify=(DESTINATIONS[number % 7],),
        )
        for number in range(2_000)
    ]
    matcher = Matcher(rules)

    for number in range(60):
        event = event_of(body("operation.failed", priority=PRIORITIES[number % 4]) | {"tenantId": f"tenant-{number}"})
        assert matcher.reached(event) == decide(event, rules).reached


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([OPEN, DYNAMICALLY]), rules, near())
def test_what_is_remembered_is_what_would_be_decided_anew(
    config: Config, rules: list[Rule], events: list[Event]
) -> None:
    config = with_rules(config, rules)
    routing = Routing(config, CHANNELS)

    for event in (*events, *events):
        assert whole(routing.of(event)) == whole(plainly(event, config))


HEARING = [
    rule(name="all", notify=DESTINATIONS),
    rule(name="low", priorities=("Low",), statuses=("Running",), notify=("team", "room"), min_interval=60),
    rule(name="named", events=("operation.audited", "batch.started"), notify=("people", "noon")),
]
SUBJECTS = [None, *(Operation("op-1", status=status, priority=priority) for status in (*STATUSES, *SPELLINGS)
                    for priority in ("", "Low", "Critical", "CRITICAL", "Urgent"))]  # fmt: skip
REQUESTS = [Audience(("new@example.com",)), Audience(("one@example.com", "new@evil.com"), ("#team",)),
            Audience((), ("#asked",)), Audience(("new@example.com",), ("#asked",))]  # fmt: skip
SUBJECTS += [Operation("op-1", status="Failed", audience=audience) for audience in REQUESTS]
BATCHES = [None, *(Batch("batch-1", status=status) for status in ("", "Failed", "failed", "Queued"))]
BATCHES += [Batch("batch-1", status="Completed", document=members) for members in MEMBERS]


@pytest.mark.parametrize("moment", ["2026-03-27T11:30+00:00", "2026-03-27T23:00+00:00"], ids=["noon", "night"])
@pytest.mark.parametrize("config", [OPEN, DYNAMICALLY], ids=["", "dynamic"])
def test_no_two_events_are_of_one_kind_that_are_told_differently(config: Config, moment: str) -> None:
    config = with_rules(config, HEARING)
    routing, targets, received = Routing(config, CHANNELS), Targets(config, CHANNELS), datetime.fromisoformat(moment)

    for name, subject, batch, open_ in product(NAMES, SUBJECTS, BATCHES, [False, True]):
        event = Event(
            "evt-1", name, "ops", START, received, operation=subject, batch=batch, member_of="b", batch_open=open_
        )
        assert routing.of(event) == targets.of(decide(event, config.rules)), (name, subject, batch)


EVERYONE = Rule(name="everyone", notify=tuple(DESTINATIONS))


def at(moment: str) -> Event:
    return replace(event_of(body("operation.failed", status="Failed")), received_at=datetime.fromisoformat(moment))


def test_the_same_event_is_decided_once() -> None:
    routing = Routing(with_rules(OPEN, [EVERYONE]), CHANNELS)

    assert routing.of(at("2026-03-27T12:30+00:00")) is routing.of(at("2026-03-27T12:31+00:00"))


@pytest.mark.parametrize("order", [sorted, lambda moments: sorted(moments, reverse=True)], ids=["forth", "back"])
def test_quiet_hours_and_windows_begin_and_end_at_their_minute(order: Callable[[list[str]], list[str]]) -> None:
    config = with_rules(OPEN, [EVERYONE])
    routing = Routing(config, CHANNELS)
    moments = ["2026-03-28T18:59:59", "2026-03-28T19:00:00", "2026-03-29T04:59:59", "2026-03-29T05:00:00",
               "2026-03-29T06:29:59", "2026-03-29T06:30:00", "2026-03-30T10:00:00", "2026-03-30T11:00:00"]  # fmt: skip

    found = {moment: routing.of(at(f"{moment}+00:00")) for moment in order(moments)}

    for moment in moments:
        assert whole(found[moment]) == whole(plainly(at(f"{moment}+00:00"), config))
    quiet = {
        moment for moment, [team, *_] in found.items() if not isinstance(team.how, Digest) and team.how.quiet_window
    }
    assert quiet == {"2026-03-28T19:00:00", "2026-03-29T04:59:59"}  # in summer time the night ends at five


def strange(word: str) -> Event:
    """Of a sender that writes something new wherever it can."""
    document = body(f"operation.{word}", operationType=word, status=word[:64], priority=word[:64])
    return event_of(document | {"tenantId": word, "projectId": word})


def test_values_that_nobody_asks_for_take_no_room() -> None:
    known = Rule(name="known", tenants=("known",), notify=("team",))
    routing = Routing(with_rules(OPEN, [EVERYONE, known]), CHANNELS)
    first = routing.of(strange("x"))

    assert all(routing.of(strange(f"{number}" * 40)) is first for number in range(100))


def asking(*people: str) -> Event:
    event = event_of(body("operation.failed", status="Failed"))
    assert event.operation
    return replace(event, operation=replace(event.operation, audience=Audience(people)))


def test_whom_an_operation_asks_for_is_remembered_unless_that_is_much() -> None:
    routing = Routing(with_rules(DYNAMICALLY, [EVERYONE]), CHANNELS)
    few, many = asking("new@example.com"), asking(*(f"{number}-{'x' * 200}@example.com" for number in range(10)))

    assert routing.of(few) is routing.of(few)
    assert routing.of(many) == routing.of(many)
    assert routing.of(many) is not routing.of(many)


def test_the_oldest_gives_way() -> None:
    memo, targets = Memo(10), plainly(at("2026-03-27T12:30+00:00"), with_rules(OPEN, [EVERYONE]))
    decided = Decided(targets[:2], 0.0, 1.0)  # it takes three

    for kind in (0, 0, 1, 2, 1, 3):
        memo.keep(kind, decided)

    assert [kind for kind in range(4) if memo.get(kind)] == [1, 2, 3]


def test_what_needs_more_than_all_the_room_is_not_kept() -> None:
    memo, targets = Memo(3), plainly(at("2026-03-27T12:30+00:00"), with_rules(OPEN, [EVERYONE]))

    memo.keep("all", Decided(targets, 0.0, 1.0))
    memo.keep("nobody", Decided((), 0.0, 1.0))

    assert memo.get("all") is None
    assert memo.get("nobody")


# Members of batches, in mails


ALL = Rule(name="all", notify=("people",))


def member_at(name: str = "operation.failed", *, batch_open: bool = True, **operation: Any) -> Event:
    return replace(event_of(body(name, **operation)), member_of="batch-1", batch_open=batch_open)


def hold_reason(event: Event, *rules: Rule) -> str:
    (reason,) = {target.hold_reason for target in plainly(event, with_rules(OPEN, list(rules)))}
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
