"""The time from a failure to its message, at fifty failures a second."""

from functools import partial
from pathlib import Path

from benchmarks.speed import accounts, peers
from benchmarks.speed.findings import Bounds, Chart, Column, Findings, Measure, Sample, interleaved, quantile
from benchmarks.speed.notifiers import Notifier, Trial, notifiers
from benchmarks.speed.standins import Standins

RATE, SECONDS = 50, 8
WARM_UP = 20

TEXT = f"""\
From when an *operation.failed* was due to be sent until Slack's method was called, or the mail was accepted, by
stand-ins on the same machine. The sender keeps its pace whatever is answered: {RATE} a second. Alertmanager waits for
nothing (`group_wait: 0s`) and groups nothing. relay has its default, with an fsync before each answer and before each
message."""

COLUMNS = (
    Column("p50 ms", "p50", ",.1f"),
    Column("p99 ms", "p99", ",.1f"),
    Column("max ms", "p100", ",.1f"),
    Column("answer p50 ms", "answer_p50", ",.1f"),
    Column("answer p99 ms", "answer_p99", ",.1f"),
    Column("app µs", "app_us"),
    Column("Redis µs", "redis_us"),
)


def measure(bounds: Bounds) -> Findings:
    findings = Findings(
        "latency", "From a failure to the message", TEXT, COLUMNS,
        (Chart("p50", "From POST to message at 50/s, median, ms", ",.1f"),
         Chart("p99", "From POST to message at 50/s, p99, ms", ",.1f")),
    )  # fmt: skip
    findings.left_out += peers.missing()
    subjects: dict[str, Measure] = {
        name: partial(_turn, notifier=notifier, bounds=bounds) for name, notifier in notifiers().items()
    }
    interleaved(findings, subjects, bounds)
    return findings


def _turn(directory: Path, faults: list[str], *, notifier: Notifier, bounds: Bounds) -> Sample:
    with Standins() as standins, notifier.start(directory, standins) as subject:
        trial = Trial(notifier, standins, subject.url)
        trial.send(WARM_UP, RATE)
        before = subject.usage()
        steady = trial.send(bounds.count(RATE * SECONDS), RATE)
        used = subject.usage().since(before)
        faults += [*trial.faults(), *accounts.delivered(subject, trial.sent)]
    return {
        **_milliseconds("", steady.waits, (50, 99, 100)), **_milliseconds("answer_", steady.sent.waits, (50, 99)),
        "app_us": used.app_cpu / len(steady.waits) * 1e6, "redis_us": used.redis_cpu / len(steady.waits) * 1e6,
    }  # fmt: skip


def _milliseconds(name: str, seconds: list[float], shares: tuple[int, ...]) -> Sample:
    return {f"{name}p{share}": quantile(seconds, share / 100) * 1e3 for share in shares}
