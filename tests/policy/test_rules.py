"""Which destinations an event reaches, and why: every condition, every wildcard, every gate."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from relay.config import Config
from relay.domain.deliveries import Gate, Target
from relay.domain.events import Comparison, Event, Outcome
from relay.domain.identity import KNOWN_EVENTS, matches_event
from relay.policy.matching import Condition, Matcher, Reached, Rule
from relay.policy.presentation import as_failure
from relay.policy.targets import Targets
from relay.reasons import Held
from tests.support.configuration import CHANNELS, GOOD, configured
from tests.support.events import body, completed, event_of, failed, progress, seed, started
from tests.support.targets import mode_of

EVERYONE = ("team", "analysts")


def rule(**conditions: Any) -> Rule:
    return Rule(**({"name": "a rule", "notify": EVERYONE} | conditions))


def reaches(event: Event, **conditions: Any) -> bool:
    return bool(reached(event, [rule(**conditions)]))


def reached(event: Event, rules: Iterable[Rule]) -> tuple[Reached, ...]:
    return Matcher(rules).reached(event)


def targets(event: Event, *rules: Rule, config: Config | None = None) -> tuple[Target, ...]:
    return Targets((config or configured()).model_copy(update={"rules": rules}), CHANNELS).of(event)


def batch(name: str) -> Event:
    return event_of({"event": name, "batch": seed("submit-batch.response")})


# Conditions


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({"sources": ["async-operations"]}, True),
        ({"sources": ["progress", "async-operations"]}, True),
        ({"sources": ["progress"]}, False),
        ({"tenants": ["tenant-1"]}, True),
        ({"tenants": ["tenant"]}, False),
        ({"projects": ["project-1"]}, True),
        ({"projects": ["PROJECT-1"]}, False),
        ({"operation_types": ["ProcessMiningAnalysis"]}, True),
        ({"operation_types": ["DataEnrichment"]}, False),
        ({"priorities": ["High", "Critical"]}, True),
        ({"priorities": ["high"]}, True),
        ({"priorities": ["Low"]}, False),
        ({"statuses": ["running"]}, True),
        ({"statuses": ["RUNNING", "Failed"]}, True),
        ({"statuses": ["Failed"]}, False),
        ({"events": ["operation.progress"]}, True),
        ({"events": ["operation.failed"]}, False),
        ({"priorities": ["High"], "statuses": ["Failed"]}, False),
        ({"priorities": ["High"], "statuses": ["Running"], "tenants": ["tenant-1"]}, True),
    ],
)
def test_every_condition_must_hold(conditions: dict[str, Any], expected: bool) -> None:
    assert reaches(progress(67), **conditions) is expected


@pytest.mark.parametrize("condition", ["tenants", "projects", "operation_types"])
def test_what_the_event_does_not_state_is_not_what_was_wanted(condition: str) -> None:
    bare = event_of({"event": "operation.failed", "operation": {"operationId": "op-1"}})

    matcher = Matcher([rule(**{condition: ["anything"]})])

    assert matcher.reached(bare) == ()
    assert matcher.traces(bare)[0].conditions[-1] == Condition(condition, ("anything",), "", holds=False)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"branch": "main"}, False),
        ({"branch": ["main", "release/*"]}, True),
        ({"branch": "RELEASE/*"}, True),
        ({"branch": "*1.2"}, True),
        ({"branch": "release"}, False),
        ({"branch": "release/[1].?"}, False),
        ({"branch": "*", "event": "push"}, True),
        ({"branch": "release/1.2", "event": "schedule"}, False),
        ({"environment": "*"}, False),
        ({"tekton.dev/task": "lint"}, True),
        ({"team": ["data-*"]}, True),
        ({"team": "DATA-platform"}, True),
        ({}, True),
    ],
)
def test_each_label_that_a_rule_names_must_fit(where: dict[str, Any], expected: bool) -> None:
    run = progress(
        67, labels={"branch": "release/1.2", "event": "push", "tekton.dev/task": "lint", "team": "Data-Platform"}
    )
    (trace,) = Matcher([rule(where=where)]).traces(run)

    assert reaches(run, where=where) is trace.matches is expected
    assert [row.name for row in trace.conditions[1:]] == [f"where.{label}" for label in where]


OK, BAD, TIMED_OUT, CANCELLED = (Outcome(f"op-{status}", status, 1.0)
                                 for status in ("Completed", "Failed", "Timeout", "Cancelled"))  # fmt: skip


@pytest.mark.parametrize(
    ("past", "event", "change"),
    [
        (None, failed(), ""),  # without a job, or where nobody looked
        ((), failed(), "broke"),
        ((OK,), failed(), "broke"),
        ((OK,), failed(status="Timeout"), "broke"),
        ((BAD, OK), failed(), "broke"),
        ((OK, CANCELLED), failed(), "broke"),
        ((OK, BAD), failed(), ""),
        ((TIMED_OUT, CANCELLED), failed(), ""),
        ((BAD,), completed(), "mended"),
        ((OK, TIMED_OUT, CANCELLED), completed(), "mended"),
        ((BAD, OK), completed(), ""),
        ((), completed(), ""),
        ((BAD,), event_of(body("operation.cancelled", status="Cancelled")), ""),
        ((BAD,), progress(99), ""),
        ((OK,), event_of(body("operation.stalled", 40, status="Stalled")), ""),
        ((OK,), event_of(body("batch.operation.completed", status="Failed") | {"batch": {"batchId": "b"}}), ""),
        ((OK,), replace(completed(), compared=Comparison("", "", completes="Failed")), "mended"),
        ((OK,), as_failure(replace(completed(), compared=Comparison("", "", completes="Failed"))), "broke"),
    ],
)
def test_an_outcome_breaks_its_job_or_mends_it_by_the_one_before(
    past: tuple[Outcome, ...] | None, event: Event, change: str
) -> None:
    event = replace(event, past=past)

    assert event.change == change
    assert [reaches(event, changes=[word]) for word in ("broke", "mended")] == [change == "broke", change == "mended"]


def test_a_batch_event_is_judged_by_the_operation_it_tells_of() -> None:
    done = event_of(body("batch.operation.completed", status="Completed") | {"batch": {"batchId": "batch-1"}})

    assert reaches(done, operation_types=["ProcessMiningAnalysis"])
    assert not reaches(batch("batch.completed"), operation_types=["ProcessMiningAnalysis"])


# Events and wildcards


@pytest.mark.parametrize(
    ("pattern", "fitting"),
    [
        ("*", KNOWN_EVENTS),
        ("operation.*", {event for event in KNOWN_EVENTS if event.startswith("operation.")}),
        ("batch.*", {"batch.started", "batch.operation.completed", "batch.completed"}),
        ("*.completed", {"operation.phase.completed", "operation.completed", "batch.operation.completed",
                         "batch.completed"}),
        ("operation.*.completed", {"operation.phase.completed"}),
        ("*operation*completed", {"operation.phase.completed", "operation.completed", "batch.operation.completed"}),
        ("*a*l*", {event for event in KNOWN_EVENTS if "a" in event and "l" in event[event.index("a"):]}),
        ("**", KNOWN_EVENTS),
        ("operation.failed", {"operation.failed"}),
        ("operation.failed*", {"operation.failed"}),
        ("operation", set()),
        ("Operation.*", set()),
        ("operation.failed*failed", set()),
        ("", set()),
    ],
)  # fmt: skip
def test_a_star_stands_for_any_part_of_a_known_events_name(pattern: str, fitting: set[str]) -> None:
    assert {event for event in KNOWN_EVENTS if matches_event(pattern, event)} == set(fitting)


@pytest.mark.parametrize(
    ("events", "expected"),
    [(["operation.paused"], True), (["operation.*"], False), (["*"], False), (["operation.p*"], False), (None, False)],
)  # fmt: skip
def test_an_unknown_event_reaches_only_rules_that_name_it(events: list[str] | None, expected: bool) -> None:
    paused = event_of(body("operation.paused"))

    assert reaches(paused, **({"events": events} if events else {})) is expected


# Destinations and gates

STEP, PAUSE = Gate(increment=10), Gate(interval=60)
BY_STEP, ONLY_FAILURES = rule(min_progress_increment=10), rule(name="failures", events=["operation.failed"])


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([rule(name="first", notify=("team", "team")), rule(name="never", events=("batch.*",)),
          rule(name="second", notify=("analysts", "team"))],
         {"team": (("first", "second"), ()), "analysts": (("second",), ())}),
        ([BY_STEP, rule(min_interval=60), BY_STEP], dict.fromkeys(EVERYONE, (("a rule",) * 3, (STEP, PAUSE)))),
        ([BY_STEP, rule(notify=("team",))], {"team": (("a rule",) * 2, ()), "analysts": (("a rule",), (STEP,))}),
        ([BY_STEP, ONLY_FAILURES], dict.fromkeys(EVERYONE, (("a rule",), (STEP,)))),
        ([ONLY_FAILURES], {}),
    ],
    ids=["all rules contribute", "all gates", "no gate is open", "no match opens nothing", "nobody"],
)  # fmt: skip
def test_a_destination_is_reached_once_by_all_its_rules_and_the_gates_of_all(
    rules: list[Rule], expected: dict[str, Any]
) -> None:
    found = reached(progress(40), rules)

    assert [(row.destination, (row.rules, row.gates)) for row in found] == [*expected.items()]


def test_a_trace_says_what_was_wanted_and_what_was_there() -> None:
    one, other = Matcher([rule(events=["operation.*"], priorities=["Low"]), rule(tenants=["x"])]).traces(progress(40))

    assert one.conditions == (
        Condition("events", ("operation.*",), "operation.progress", holds=True),
        Condition("priorities", ("Low",), "High", holds=False),
    )
    assert not (one.matches or other.matches)


# Targets


def test_every_address_becomes_a_target_with_its_channels_limits() -> None:
    config = configured()

    found = Targets(config, CHANNELS).of(failed())

    assert [(one.destination, one.channel, one.address, mode_of(one)) for one in found] == [
        ("team", "slack", "#team", "live"),
        ("analysts", "email", "analyst@example.com", "each"),
        ("analysts", "email", "lead@example.com", "each"),
    ]
    limits = CHANNELS["slack"].limits("#team", config.channels["slack"])
    assert (found[0].limits.new, found[0].limits.edit) == limits


@pytest.mark.parametrize(
    ("written", "step", "gates"),
    [
        ("min_progress_increment: 10", "5", (Gate(increment=10),)),
        ("min_progress_increment: 2", "5", (Gate(increment=5),)),
        ("min_interval: 60s", "5", (Gate(increment=5, interval=60),)),
        ("min_interval: 60s", "0", (Gate(interval=60),)),
        ("min_progress_increment: 0", "5", (Gate(increment=5),)),
        ("min_progress_increment: 0", "0", ()),
    ],
)
def test_a_live_message_moves_by_the_wider_of_its_own_step_and_the_rules(
    written: str, step: str, gates: tuple[Gate, ...]
) -> None:
    config = configured(GOOD, ("mode: live", f"live: {{min_step: {step}}}"), ("min_progress_increment: 10", written))

    [found] = Targets(config, CHANNELS).of(progress(40))

    assert found.how.gates == gates


@pytest.mark.parametrize(
    ("event", "held"),
    [
        (started(), "not_mailed"),
        (progress(40), "not_mailed"),
        (event_of(body("operation.cancelled", 40, status="Cancelled")), "not_mailed"),
        (batch("batch.started"), "not_mailed"),
        (batch("batch.operation.completed"), "not_mailed"),
        (completed(), ""),
        (failed(), ""),
        (failed(status="Timeout"), ""),
        (event_of(body("operation.stalled", 40, status="Stalled")), ""),
        (batch("batch.completed"), ""),
    ],
)
def test_a_wildcard_mails_only_what_is_worth_a_mail(event: Event, held: str) -> None:
    found = targets(event, rule(events=["operation.*", "batch.*"]))

    assert {one.hold_reason for one in found if one.channel == "email"} == {held}
    assert {one.hold_reason for one in found if one.channel == "slack"} == {""}


EVERYTHING, OPERATIONS = rule(notify=("analysts",)), rule(notify=("analysts",), events=("operation.*",))
NAMED = rule(notify=("analysts",), events=("operation.failed", "batch.*"))


@pytest.mark.parametrize(
    ("event", "batch_open", "told", "held"),
    [
        (failed(), True, EVERYTHING, Held.SHOWN_BY_BATCH),
        (completed(), True, EVERYTHING, Held.SHOWN_BY_BATCH),
        (failed(priority="Critical"), True, EVERYTHING, ""),
        (failed(), True, OPERATIONS, ""),  # no mail about its batch can be relied on
        (failed(), False, EVERYTHING, ""),
        (failed(), True, NAMED, ""),
    ],
)
def test_how_a_member_ended_is_left_to_the_mail_about_the_end_of_its_batch(
    event: Event, batch_open: bool, told: Rule, held: str
) -> None:
    member = replace(event, member_of="batch-1", batch_open=batch_open)

    assert {target.hold_reason for target in targets(member, told)} == {held}


@pytest.mark.parametrize(("priorities", "root"), [([], False), (["Low", "High"], True)])
def test_a_low_priority_begins_a_message_only_where_a_rule_names_it(priorities: list[str], *, root: bool) -> None:
    found = targets(progress(40, priority="Low"), rule(priorities=priorities))

    assert found[0].presentation.new_message == root
