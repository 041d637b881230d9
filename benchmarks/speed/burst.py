"""Three thousand failures at once: messages per second, and the cost of one."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.speed import accounts, peers
from benchmarks.speed.findings import Bounds, Chart, Column, Findings, Measure, Sample, interleaved
from benchmarks.speed.notifiers import Notifier, Trial, notifiers
from benchmarks.speed.processes import Usage
from benchmarks.speed.standins import Standins

FAILURES = 3_000
FIRST = 30.0  # seconds until the first message

TEXT = f"""\
{FAILURES:,} distinct *operation.failed*. relay takes them with `serve --role receive`, which ends before one process
of `serve --role deliver` sends the messages, with an fsync for each step; its own limit of new messages in a
conversation of Slack is off. Alertmanager has no such roles: it notifies while it gets them, over 32
connections. From the first message to the last; CPU is of that time."""

COLUMNS = (
    Column("messages/s", "rate"),
    Column("app µs", "app_us"),
    Column("Redis µs", "redis_us"),
    Column("taken/s", "taken"),
    Column("RSS app MB", "app_mb"),
    Column("RSS Redis MB", "redis_mb"),
)


def measure(bounds: Bounds) -> Findings:
    findings = Findings(
        "burst", "A burst of failures", TEXT, COLUMNS, (Chart("rate", "Messages per second, drained from a burst"),)
    )
    findings.left_out += peers.missing()
    subjects: dict[str, Measure] = {
        name: partial(_turn, notifier=notifier, count=bounds.count(FAILURES)) for name, notifier in notifiers().items()
    }
    interleaved(findings, subjects, bounds)
    return findings


def _turn(directory: Path, faults: list[str], *, notifier: Notifier, count: int) -> Sample:
    with Standins() as standins:
        how = _drained if notifier.is_relay else _notified_meanwhile
        trial, taken, used, counted = how(directory, standins, notifier, count, faults)
        faults += trial.faults()
        moments = sorted(moment for times in trial.arrivals.moments.values() for moment in times)
    seconds = moments[-1] - moments[0] if len(moments) > 1 else float("inf")
    return {
        "rate": (len(moments) - 1) / seconds, "taken": taken,
        "app_us": used.app_cpu / max(counted, 1) * 1e6, "redis_us": used.redis_cpu / max(counted, 1) * 1e6,
        "app_mb": used.app_memory, "redis_mb": used.redis_memory,
    }  # fmt: skip


Turn = tuple[Trial, float, Usage, int]  # how many were taken per second, what was used for how many messages


def _drained(directory: Path, standins: Standins, notifier: Notifier, count: int, faults: list[str]) -> Turn:
    with notifier.start(directory, standins, role="receive") as subject:
        trial = Trial(notifier, standins, subject.url)
        phase = trial.send(count, wait=False)
    with notifier.start(directory, standins, role="deliver") as subject:
        used, counted = _used(subject.usage, trial, count)
        faults += accounts.delivered(subject, count)
    return trial, count / phase.sent.seconds, used, counted


def _notified_meanwhile(
    directory: Path, standins: Standins, notifier: Notifier, count: int, _faults: list[str]
) -> Turn:
    with notifier.start(directory, standins) as subject:
        trial = Trial(notifier, standins, subject.url)
        before = subject.usage()
        phase = trial.send(count)
        used = subject.usage().since(before)
    return trial, count / phase.sent.seconds, used, count


def _used(usage: Callable[[], Usage], trial: Trial, count: int) -> tuple[Usage, int]:
    """From the first message on, so that the start is not in it; and how many messages that was for."""
    trial.arrivals.wait_for(lambda: len(trial.arrivals) >= 1, FIRST)
    before, already = usage(), len(trial.arrivals)
    trial.arrivals.wait_for(lambda: len(trial.arrivals) >= count, 60.0)
    return usage().since(before), len(trial.arrivals) - already
