"""What the watchdog goes by, its ticks and its looks."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from relay.domain.events import Event
from relay.domain.jobs import Job, Start
from relay.engine import runs
from relay.engine.records import MISSING, STALLED, WATCH, Operation
from relay.engine.watch import LookAgain, RunsDue, Tick
from relay.policy.missing import Missing, recovery
from relay.policy.missing import alarm as missing_alarm
from relay.policy.watchdog import decide, event_of
from relay.policy.watchdog_settings import Watchdog
from tests.engine.partition import DAY, MINUTE, SECOND, START, Partition
from tests.support import events

TICK = Tick(2 * MINUTE, 5 * MINUTE)


def due(partition: Partition, most: int = 10) -> list[Any]:
    return partition.do(RunsDue(most, 20 * SECOND))[1]  # type: ignore[no-any-return]


def alarm(partition: Partition) -> Event:
    ((name, _, run),) = due(partition)
    alert = decide(run, Watchdog(), partition.now / 1000)
    assert alert
    return event_of(alert, run, runs.history(partition.d, name), partition.now / 1000)


def silent_run() -> Partition:
    partition = Partition()
    partition.report(events.progress(10))
    partition.now += 30 * MINUTE
    return partition


def the_run(partition: Partition) -> Any:
    ((_, _, run),) = due(partition)
    return run


def test_the_webhook_and_the_callback_of_one_fact_are_one_sign_of_life() -> None:
    partition = Partition()
    for percentage in range(3):
        for sender, later in (("a", SECOND), ("b", 1199 * SECOND)):
            partition.report(events.event_of(events.body(percentage=percentage), id=f"{sender}{percentage}"))
            partition.now += later

    assert the_run(partition).gaps == (1199, 1199)


def test_what_waits_for_approval_does_so_until_its_own_phase_goes_on() -> None:
    partition, seen = Partition(), []
    for number, (job, waits) in enumerate([("deploy", True), ("docs", False), ("deploy", True), ("deploy", False)]):
        progress = {"currentPhase": job} | ({"waitsForApproval": job} if waits else {})
        operation = {"operationId": "op-1", "status": "Running", "progress": progress}
        document = {"event": "operation.progress", "operation": operation, "timestamp": f"2024-01-20T11:4{number}:00Z"}
        assert partition.statuses(events.event_of(document, id=f"{number}")) == ["accepted"]
        partition.now += 30 * MINUTE
        run = the_run(partition)
        seen.append((run.waits, run.waited))

    assert seen == [(True, 0), (True, 0), (True, 0), (False, 90 * 60)]


@pytest.mark.parametrize(
    ("ticks", "gaps"),
    [(range(31), (1800,)), ([0], ()), ([0, 30], ()), ([0, 29, 30], ())],
    ids=["it was there", "away", "just back", "back for a minute"],
)
def test_relays_own_absence_is_no_rhythm(ticks: Sequence[int], gaps: tuple[int, ...]) -> None:
    partition = Partition()
    partition.report(events.progress(10))
    for minute in range(31):
        if minute in ticks:
            partition.do(TICK)
        partition.now += MINUTE if minute < 30 else 0
    partition.report(events.progress(20))

    assert the_run(partition).gaps == gaps


def test_phases_without_a_percentage_are_no_rhythm() -> None:
    """A workflow whose jobs wait for a machine, and then take long, is not silent."""
    partition = Partition()
    for number, (job, status) in enumerate([("lint", "Running"), ("unit", "Pending"), ("unit", "Running")] * 2):
        operation = {"operationId": "op-1", "status": "Running"}
        document = {"event": "operation.progress", "operation": operation, "phase": {"name": job, "status": status}}
        partition.report(events.event_of(document, id=f"{number}"))
        partition.now += 5 * MINUTE

    assert the_run(partition).gaps == ()


def test_a_repeated_percentage_with_a_new_phase_is_a_move() -> None:
    partition, document = Partition(), events.body()
    partition.report(events.event_of(document, id="1"))
    partition.now += 10 * MINUTE
    document["operation"]["progress"]["currentPhase"] = "Report Generation"
    assert partition.statuses(events.event_of(document, id="2")) == ["accepted"]

    run = the_run(partition)
    assert (run.moved, run.phase) == (partition.now / 1000, "Report Generation")


def test_the_first_estimate_is_kept_and_its_moves_are_counted() -> None:
    partition = Partition()
    first = events.RECEIVED + timedelta(hours=1)
    for percentage, later in enumerate((0, 20, 60 * 30)):
        at = (first + timedelta(seconds=later)).isoformat()
        partition.report(events.progress(percentage, progress={"percentage": percentage, "estimatedCompletion": at}))

    ((_, _, run),) = due(partition)
    assert (run.estimate, run.estimate_moves) == (first.timestamp(), 1)


def test_an_alarm_is_taken_once() -> None:
    partition = silent_run()
    raised = alarm(partition)
    assert partition.statuses(raised, raised) == ["accepted", "duplicate"]
    assert partition.d.size(STALLED) == 1
    partition.report(events.progress(20))
    assert [run.alarms.shown for _, _, run in due(partition)] == ["silent"]  # it is looked at right away


@pytest.mark.parametrize("then", [events.progress(20), events.progress(5)])
def test_an_alarm_that_a_sign_of_life_overtakes_may_come_true_later(then: Event) -> None:
    partition = silent_run()
    raised = alarm(partition)
    partition.report(then)
    assert partition.statuses(raised) == ["late"]
    assert partition.d.size(STALLED) == 0

    partition.now += 45 * MINUTE
    assert partition.statuses(alarm(partition)) == ["accepted"]


def test_an_alarm_of_a_run_that_was_forgotten_brings_nothing_back() -> None:
    partition = silent_run()
    raised = alarm(partition)
    del partition.memory.records[partition.operation().key]

    assert partition.statuses(raised) == ["late"]
    assert not [record for record in partition.memory.records.values() if isinstance(record, Operation)]


def test_a_run_that_is_looked_at_is_given_out_again_only_later() -> None:
    partition = silent_run()
    ((name, ticket, _),) = due(partition)
    assert due(partition) == []

    partition.now += 30 * SECOND
    assert due(partition)  # whoever had it did not come back
    partition.do(LookAgain([(name, ticket, partition.now + 60 * MINUTE)]))  # it is another's
    partition.now += 30 * SECOND
    assert due(partition)


@pytest.mark.parametrize("end", [[events.failed()], []])
def test_a_retry_forgets_what_was_found_of_the_run_before(end: list[Event]) -> None:
    partition = silent_run()
    partition.statuses(alarm(partition), *end, events.started(retryNumber=1))

    run = the_run(partition)
    assert (run.retry, run.gaps, run.alarms.open, run.alarms.episode) == (1, (), {}, 0)
    assert partition.d.size(STALLED) == 0


def test_after_an_absence_nothing_is_found_wrong_for_a_while() -> None:
    partition = Partition()
    now = partition.now
    assert partition.do(TICK) == (now, now + 5 * MINUTE, 0, 0)
    partition.now += MINUTE
    assert partition.do(TICK)[1] == now + 5 * MINUTE
    partition.now += 10 * MINUTE
    assert partition.do(TICK)[1] == partition.now + 5 * MINUTE


def test_a_run_that_is_silent_for_30_days_leaves_and_is_counted_if_nobody_was_notified() -> None:
    partition = silent_run()
    partition.report(alarm(partition))
    partition.now += 29 * DAY
    partition.do(TICK)
    partition.now += DAY - 10 * MINUTE
    assert partition.do(TICK)[3] == 0
    assert due(partition), "it is looked at a last time"

    partition.now += 31 * DAY  # its record is gone

    assert partition.do(TICK)[2:] == (0, 1)
    assert partition.d.size(WATCH) == 0


def test_a_run_that_has_not_begun_is_remembered_until_it_does() -> None:
    partition = Partition()
    missing = Missing(Job("", "", "", "Report", "Sales #"), START / 1000 - 60, 600.0, priority="", expectation="Sales*")
    assert partition.statuses(missing_alarm(missing, START / 1000)) == ["accepted"]
    ((_, text),) = partition.d.table(MISSING).items()

    begun = recovery(Missing.load(text), Start(START / 1000), START / 1000)
    assert partition.statuses(begun) == ["accepted"]
    assert partition.d.table(MISSING) == {}


def test_a_member_that_its_batch_says_is_over_is_watched_no_more() -> None:
    partition = Partition()
    partition.report(events.progress(10, operationId="op-1", batchId="b-1"))
    run = partition.operation("op-1").name
    assert partition.d.score(WATCH, run)

    document = {"batch": {"batchId": "b-1"}, "operation": {"operationId": "op-1", "status": "Completed"}}
    partition.report(events.event_of(document | {"event": "batch.operation.completed"}))

    assert partition.d.score(WATCH, run) is None
