"""What the watchdog goes by, its ticks and its looks."""

from datetime import timedelta
from typing import Any

from relay.domain.events import Event
from relay.domain.jobs import Job
from relay.engine import runs
from relay.engine.clock import Ticks
from relay.engine.records import MISSING, STALLED, WATCH
from relay.engine.watch import RunsDue, Tick
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
    partition.now += 15 * MINUTE
    return partition


def test_the_first_estimate_is_kept_and_its_moves_are_counted() -> None:
    partition = Partition()
    first = events.RECEIVED + timedelta(hours=1)
    for percentage, later in enumerate((0, 20, 60 * 30)):
        at = (first + timedelta(seconds=later)).isoformat()
        partition.report(events.progress(percentage, progress={"percentage": percentage, "estimatedCompletion": at}))

    ((_, _, run),) = due(partition)
    assert (run.estimate, run.estimate_moves) == (first.timestamp(), 1)


def test_an_alarm_is_taken_once_and_not_where_the_run_has_gone_on() -> None:
    partition = silent_run()
    raised = alarm(partition)
    assert partition.statuses(raised, raised) == ["accepted", "duplicate"]
    assert partition.d.size(STALLED) == 1
    partition.report(events.progress(20))
    assert [run.alarms.shown for _, _, run in due(partition)] == ["silent"]  # it is looked at right away

    partition = silent_run()
    raised = alarm(partition)
    partition.report(events.progress(20))
    assert partition.statuses(raised) == ["late"]
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


def test_what_was_recorded_before_the_clock_was_set_back_is_set_right() -> None:
    partition = Partition()
    partition.report(events.progress(10))
    recorded = partition.now
    d = partition.d
    ticks = d.edit(Ticks, "ticks")
    ticks.step, ticks.stepped = 60 * MINUTE, recorded - 60 * MINUTE
    for _, name in d.ascending(WATCH):
        d.place(WATCH, name, 0)
    partition.memory.apply(d.changes, partition.now)

    partition.now = recorded - 58 * MINUTE
    ((_, _, run),) = due(partition)

    assert run.last_event == recorded / 1000 - 3600


def test_a_run_that_has_not_begun_is_remembered_until_it_does() -> None:
    partition = Partition()
    missing = Missing(Job("", "", "", "Report", "Sales #"), START / 1000 - 60, 600.0, priority="", expectation="Sales*")
    assert partition.statuses(missing_alarm(missing, START / 1000)) == ["accepted"]
    ((_, text),) = partition.d.table(MISSING).items()

    assert partition.statuses(recovery(Missing.load(text), START / 1000, START / 1000)) == ["accepted"]
    assert partition.d.table(MISSING) == {}
