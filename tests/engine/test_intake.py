"""From a parsed event to the rules: what is filled in, whose it is, and what is refused."""

from dataclasses import replace
from typing import Any

import pytest

from relay.domain.deliveries import Target
from relay.domain.error_reader import _read
from relay.domain.events import Event
from relay.domain.links import Person
from relay.domain.permissions import Permissions
from relay.engine import runs
from relay.engine.dead_letters import ReplayDead
from relay.engine.housekeeping import ForgetDocuments
from relay.engine.intake import Report
from relay.engine.known import all_of, known
from relay.engine.order import STARTS
from relay.engine.receipts import GiveUp
from relay.engine.records import SILENCES
from relay.engine.withholding import Silence as SilenceRecord
from relay.errors import AmbiguousId, NoRoom, NotPermitted, NotYetKnown
from relay.interactivity.buttons import Button, action_requested
from relay.policy.silences import Silence, dump
from tests.engine.partition import DAY, START, Partition
from tests.engine.sending import Sending
from tests.support import events
from tests.support.targets import room, team

CALLBACK = Permissions("callback", begins=False)


def of_tenant(tenant: str, percentage: float = 10, **operation: Any) -> Event:
    return events.event_of(events.body(percentage=percentage, **operation) | {"tenantId": tenant})


def bare(status: str = "Failed", **operation: Any) -> Event:
    """A report with nothing but id and status."""
    document = {"operation": {"operationId": "op-1", "status": status, **operation}, "tenantId": "tenant-1"}
    return events.event_of(document | {"timestamp": "2024-01-20T11:50:00Z"})


def phase(name: str, status: str, *, mapped: bool = True) -> Event:
    document = events.body("operation.phase.completed", None)
    ended = {"phaseName": name, "status": status, **({"errorMessage": "disk full"} if status == "Failed" else {})}
    return replace(events.event_of(document | {"phase": ended, "timestamp": "2024-01-20T11:39:00Z"}), mapped=mapped)


def test_what_earlier_events_stated_decides_too() -> None:
    partition = Partition()
    first = events.progress(10, operationId="op-1", operationName="Sales", priority="High")
    partition.report(first)
    partition.report(bare())

    operation = partition.routed[-1].operation
    assert operation
    assert (operation.name, operation.priority, partition.routed[-1].project) == ("Sales", "High", "project-1")
    assert known(partition.d, "op-1")["ended"] == "1705751400000"


def test_a_phase_that_ends_takes_no_percentage_back() -> None:
    partition = Partition()
    ended = events.event_of(events.body("operation.phase.completed", 30))

    assert partition.statuses(events.progress(50), ended, events.progress(40)) == ["accepted", "accepted", "late"]


def test_a_retry_under_a_new_id_continues_its_original() -> None:
    partition = Partition()
    partition.report(events.failed(operationId="op-1"))
    partition.report(events.started(operationId="op-2", originalOperationId="op-1"))
    partition.report(events.completed(operationId="op-2"))

    assert [(event.subject, event.retry) for event in partition.routed[1:]] == [("op-1", 1), ("op-1", 1)]
    assert known(partition.d, "op-2")["runs"] == "1"


def test_progress_of_a_new_run_is_not_measured_by_that_of_the_one_before() -> None:
    partition = Partition()
    partition.report(events.progress(50), [team()])
    assert partition.operation().gates

    partition.report(events.started(retryNumber=1), [])

    assert partition.operation().gates == {}


@pytest.mark.parametrize(
    ("progress", "then", "status"),
    [
        ({"percentage": 50}, {"retryNumber": 1}, "accepted"),  # of a new run, that is none of the old
        ({"percentage": 50}, {}, "duplicate"),
        ({"currentPhase": "Load"}, {"minute": 41}, "accepted"),
        ({"currentPhase": "Load"}, {"minute": 39}, "late"),  # it has no percentage that would say so
    ],
)
def test_progress_that_says_little_is_of_its_run_and_never_goes_back_in_time(
    progress: dict[str, Any], then: dict[str, Any], status: str
) -> None:
    def report(number: int, *, minute: int = 40, **more: Any) -> Event:
        operation = {"operationId": "op-1", "status": "Running", "progress": progress} | more
        document = {"event": "operation.progress", "operation": operation, "timestamp": f"2024-01-20T11:{minute}:00Z"}
        return events.event_of(document, id=f"{number}")

    assert Partition().statuses(report(1), report(2, **then)) == ["accepted", status]


def test_the_newest_starts_of_runs_are_remembered() -> None:
    partition = Partition()
    for number in range(STARTS + 3):
        partition.report(events.failed(retryNumber=number))

    starts = partition.operation().starts.split()
    assert [int(start.split(":")[0]) for start in starts] == [*range(2, STARTS + 2)]


def test_an_id_of_several_tenants_means_the_one_that_fits_or_none() -> None:
    partition = Partition()
    partition.statuses(of_tenant("a"), of_tenant("b"), of_tenant("b", 20))
    subject = partition.routed[0].subject

    assert [event.space(subject) != "" for event in partition.routed] == [False, True, True]
    assert [facts["tenant"] for facts in all_of(partition.d, subject)] == ["a", "b"]
    with pytest.raises(AmbiguousId):
        partition.report(of_tenant("", 30))


def test_a_batchs_member_is_one_of_its_own_tenant() -> None:
    partition = Partition()
    partition.statuses(of_tenant("a"), of_tenant("b"))
    member = partition.routed[0].subject
    batch = {"batch": {"batchId": "batch-1"}, "operation": {"operationId": member, "status": "Completed"}}
    document = batch | {"event": "batch.operation.completed", "tenantId": "b", "timestamp": "2024-01-20T12:00:00Z"}

    partition.report(events.event_of(document))

    assert partition.routed[-1].space(member) == partition.routed[1].space(member) != ""


def test_a_source_that_may_not_begin_runs_reports_known_ones_of_their_own_tenant() -> None:
    partition = Partition()
    with pytest.raises(NotYetKnown):
        partition.report(events.progress(10), permissions=CALLBACK)
    partition.report(events.progress(10))
    with pytest.raises(NotYetKnown):
        partition.report(events.started(retryNumber=1), permissions=CALLBACK)
    with pytest.raises(NotPermitted):
        partition.report(events.progress(20), permissions=Permissions("other", tenants=frozenset({"tenant-2"})))

    assert partition.report(events.progress(20), permissions=CALLBACK).status == "accepted"


def test_a_fuller_report_completes_the_recorded_outcome_and_a_thinner_one_adds_nothing() -> None:
    partition = Partition()
    thin = events.event_of(events.body("operation.failed", 67, status="Failed"))
    assert partition.statuses(thin, events.failed(), thin) == ["accepted", "duplicate", "duplicate"]

    recorded = runs.event_of(partition.d, partition.operation().name, "operation.failed")
    assert recorded
    assert recorded.error["code"] == "SOURCE_TIMEOUT"


@pytest.mark.parametrize(("first", "name"), [({}, "sales-2024"), ({"operationName": "Sales"}, "Sales")])
def test_what_a_second_report_of_an_outcome_adds_is_known_from_then_on(first: dict[str, Any], name: str) -> None:
    partition = Partition()
    second = events.failed(operationId="op-1", operationName="sales-2024")

    assert partition.statuses(bare(**first), second) == ["accepted", "duplicate"]
    assert known(partition.d, "op-1")["name"] == name


@pytest.mark.parametrize(
    ("event", "targets", "taken"),
    [
        (events.progress(10), [], False),
        (events.progress(10), [team(hold_reason="muted")], False),
        (events.progress(10), [team(hold_reason="muted"), room()], True),
        (events.completed(), [], True),
    ],
    ids=["nobody", "held", "somebody", "outcome"],
)
def test_where_redis_is_crowded_what_people_get_is_taken(event: Event, targets: list[Target], *, taken: bool) -> None:
    partition = Partition(rules=lambda _: targets)
    if not taken:
        with pytest.raises(NoRoom):
            partition.do(Report(event, crowded=True))
    else:
        assert partition.do(Report(event, crowded=True)).status == "accepted"


def test_a_batch_that_is_over_speaks_for_no_member() -> None:
    partition, speaks = Partition(), []
    for name, status in (("batch.started", "Running"), ("batch.completed", "Completed")):
        partition.report(events.event_of({"event": name, "batch": {"batchId": "b-1", "status": status}}))
        partition.report(events.completed(operationId=f"op-{name}", batchId="b-1"))
        speaks.append(partition.routed[-1].batch_open)

    assert speaks == [True, False]


@pytest.mark.parametrize("began", [False, True], ids=["its end alone", "begun"])
@pytest.mark.parametrize("again", [{"retryNumber": 1}, {"operationId": "op-2", "originalOperationId": "op-1"}])
def test_who_pressed_cancel_is_named_for_that_run_alone(again: dict[str, Any], *, began: bool) -> None:
    partition, named = Partition(), []
    button = Button("cancel", "op-1", "op-1", 0, "team", "#team", 0.0)
    partition.report(events.progress(10, operationId="op-1"))
    partition.report(action_requested(button, "anna", Person("U0ANNA", "Anna"), events.RECEIVED, "1"), [team()])
    for run in ({}, again):
        if began:
            partition.report(events.started(**{"operationId": "op-1"} | run))
        partition.report(events.cancelled(**{"operationId": "op-1"} | run))
        named.append(partition.routed[-1].pressed.get("userName"))

    assert named == ["anna", None]


@pytest.mark.parametrize("late", [False, True])
def test_a_failure_without_a_cause_has_that_of_its_failed_phase(*, late: bool) -> None:
    partition = Partition()
    failure = events.event_of(events.body("operation.failed", 67, status="Failed"))
    for event in [failure, phase("Load", "Failed")] if late else [phase("Load", "Failed"), failure]:
        partition.report(event)

    recorded = runs.event_of(partition.d, partition.operation().name, "operation.failed")
    assert recorded
    assert recorded.error["message"] == "Load failed – disk full"


def test_the_end_of_a_run_that_did_nothing_is_ignored_unless_the_run_is_known() -> None:
    partition = Partition()
    end = replace(events.cancelled(), quiet=True)

    assert partition.statuses(end, events.progress(10), end) == ["ignored", "accepted", "accepted"]


def test_what_the_end_of_a_run_that_did_nothing_overtook_is_ignored_and_another_run_is_not() -> None:
    partition = Partition()
    overtaken = [events.started(), phase("Load", "Completed")]
    end = replace(events.cancelled(), quiet=True)
    assert partition.statuses(end, *overtaken) == ["ignored"] * 3

    assert partition.statuses(events.started(retryNumber=1)) == ["accepted"]
    assert partition.statuses(events.started()) == ["late"]


def test_silences_hold_what_would_be_a_new_message() -> None:
    now = START / 1000
    silence = Silence("s-1", "olga", "maintenance", now - 60, now + 7200, now - 60, types=("*",))
    partition = Partition(lambda _: (team(),))
    d = partition.d
    record, ends = d.edit(SilenceRecord, "s-1"), round(silence.until * 1000)
    record.text, record.ends = dump(silence), ends
    d.place(SILENCES, "s-1", ends)
    partition.memory.apply(d.changes, partition.now)

    partition.report(events.failed())

    assert partition.memory.counts["held:silenced"] == 1


def test_three_days_after_its_end_the_documents_of_a_run_are_forgotten_and_its_facts_stay() -> None:
    partition = Partition()
    partition.statuses(events.started(), events.progress(40), events.completed())
    name, facts = partition.operation().name, known(partition.d, partition.routed[0].subject)
    due = ForgetDocuments(100, 30 * DAY)
    partition.now = START + 3 * DAY - 1
    assert partition.do(due) == 0

    partition.now += 1
    assert partition.do(due) == 1

    assert runs.history(partition.d, name) == ()
    assert known(partition.d, partition.routed[0].subject) == facts
    assert partition.statuses(events.progress(40), events.completed(), events.progress(80)) == [
        "duplicate",
        "duplicate",
        "late",
    ]
    assert partition.do(due) == 0
    partition.now = START + 31 * DAY
    assert known(partition.d, partition.routed[0].subject) == {}


def test_an_alarm_belongs_to_the_batch_of_its_own_tenant() -> None:
    """The plain name of a batch is of whoever used it first, which may be after the run of another tenant began."""
    partition = Partition()
    run = replace(of_tenant("one"), member_of="batch-1")
    partition.report(run)
    batch = {"event": "batch.started", "batch": {"batchId": "batch-1", "status": "Initiated"}, "tenantId": "two"}
    partition.report(events.event_of(batch | {"timestamp": "2024-01-20T11:40:00Z"}))

    partition.report(replace(run, name="operation.stalled", watch={"was": "", "becomes": "", "open": True}))

    assert partition.routed[-1].space("batch-1") == '["","one","project-1"]'


def test_what_is_queued_or_dead_keeps_the_documents_that_it_is_made_from(partition: Sending) -> None:
    for name in ("queued", "dead"):
        partition.report(events.completed(operationId=name), [team(new_limits=())])
    dead = next(taken for taken in partition.take() if taken.event.subject == "dead")
    partition.tell(GiveUp, dead, reason="rejected", error="archived")
    partition.lapse()
    partition.now += 29 * DAY
    partition.do(ForgetDocuments(100, 30 * DAY))

    assert partition.take_one().history[-1].name == "operation.completed"
    partition.do(ReplayDead([dead.id]))
    assert partition.take_one().event.name == "operation.completed"


def test_what_came_is_known_again_after_the_documents_are_gone() -> None:
    partition = Partition()
    came = [events.event_of(events.body("operation.audited"), id=f"evt-{number}") for number in range(40)]
    came.append(events.completed())
    partition.statuses(*came)
    partition.now += 3 * DAY
    partition.do(ForgetDocuments(100, 30 * DAY))

    assert {*partition.statuses(*came)} == {"duplicate"}


def test_what_came_is_known_again_for_as_long_as_a_run_that_began_later() -> None:
    partition = Partition()
    audited = events.event_of(events.body("operation.audited"), id="evt-1")
    partition.statuses(audited, events.completed())
    partition.now += 3 * DAY
    partition.do(ForgetDocuments(100, 7 * DAY))
    partition.now += 3 * DAY
    partition.statuses(events.started(retryNumber=1))
    partition.now += 2 * DAY

    assert partition.statuses(audited) == ["duplicate"]


def failing(kind: str, text: str) -> Event:
    """An event that states the error `text`: of a run, a phase or a member of a batch."""
    names = {"run": "operation.failed", "phase": "operation.phase.completed", "member": "batch.operation.completed"}
    document = events.body(names[kind], status="Running" if kind == "phase" else "Failed")
    parts = {
        "run": {"error": {"message": text}},
        "phase": {"phase": {"phaseName": "load", "status": "Failed", "error": text}},
        "member": {"error": {"message": text}, "batch": {"batchId": "batch-1"}},
    }
    return events.event_of(document | parts[kind])


@pytest.mark.parametrize("kind", ["run", "phase", "member"])
def test_an_error_is_read_once_and_only_where_its_source_may_state_it(partition: Sending, kind: str) -> None:
    before = _read.cache_info().misses
    with pytest.raises(NotYetKnown):
        partition.do(Report(failing(kind, f"of an unknown {kind}"), permissions=CALLBACK))
    assert _read.cache_info().misses == before

    partition.do(Report(failing(kind, f"of a known {kind}")))
    assert _read.cache_info().misses == before + 1


def test_a_batch_that_repeats_a_critical_failure_reports_no_new_one() -> None:
    """Its member went on since by what came late, so that its end would be one of another run."""
    partition, own = Partition(), {"operationId": "op-1", "priority": "Critical", "batchId": "batch-1"}
    batch = {"batch": {"batchId": "batch-1"}, "operation": {"operationId": "op-1", "priority": "Critical"}}

    def report(name: str, status: str, minute: int, document: dict[str, Any]) -> Any:
        operation = {**document["operation"], "status": status}
        whole = {**document, "event": name, "operation": operation, "timestamp": f"2024-01-20T11:{minute}:00Z"}
        return partition.do(Report(events.event_of(whole, id=f"{name} {minute}")))

    for name, status, minute in (("started", "Running", 10), ("failed", "Failed", 20)):
        report(f"operation.{name}", status, minute, {"operation": own})
    first = report("batch.operation.completed", "Timeout", 30, batch)
    report("operation.progress", "Running", 25, {"operation": {**own, "progress": 50}})
    again = report("batch.operation.completed", "Timeout", 30, batch)

    assert [(answer.status, answer.member) for answer in (first, again)] == [("accepted", None), ("duplicate", None)]
