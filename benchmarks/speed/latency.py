"""How long it takes from a failure to the message: failures that come at their own pace, fifty a second and faster."""

from functools import partial
from pathlib import Path

from benchmarks.speed import accounts, peers
from benchmarks.speed.findings import Bounds, Chart, Column, Findings, Measure, interleaved
from benchmarks.speed.relays import Relay
from benchmarks.speed.standins import Standins
from benchmarks.speed.statistics import Sample, quantile
from benchmarks.speed.telling import Teller, tellers
from benchmarks.speed.trial import Trial

RATE, SECONDS = 50, 8
PROBE = 300  # failures at once, to see how many are told in a second
HALF_SECONDS = 3
WARM_UP = 20
MOST = 6_000  # failures, however fast it is

TEXT = f"""\
From when an *operation.failed* was due to be sent until Slack's method was called, or the mail was accepted, by
stand-ins on the same machine. The sender keeps its pace whatever is answered: {RATE} a second, then half of what the
subject had told of {PROBE} that came at once. Alertmanager waits for nothing (`group_wait: 0s`) and groups nothing.
relay has its default, with an fsync before each answer and before each message. Scripts are EVALSHA for each message,
accepting it included."""

COLUMNS = (
    Column("p50 ms", "p50", ",.1f"),
    Column("p99 ms", "p99", ",.1f"),
    Column("max ms", "p100", ",.1f"),
    Column("answer p50 ms", "answer_p50", ",.1f"),
    Column("answer p99 ms", "answer_p99", ",.1f"),
    Column("app µs", "app_us"),
    Column("Redis µs", "redis_us"),
    Column("scripts", "scripts", ".2f"),
    Column("half: per s", "half_rate"),
    Column("p50 ms", "half_p50", ",.1f"),
    Column("p99 ms", "half_p99", ",.1f"),
)


def measure(bounds: Bounds) -> Findings:
    findings = Findings(
        "latency", "From a failure to the message", TEXT, COLUMNS,
        (Chart("p50", "From POST to message at 50/s, median, ms", ",.1f"),
         Chart("p99", "From POST to message at 50/s, p99, ms", ",.1f")),
    )  # fmt: skip
    findings.left_out += [name for name in peers.missing() if name != "nginx"]
    subjects: dict[str, Measure] = {
        name: partial(_turn, teller=teller, bounds=bounds) for name, teller in tellers().items()
    }
    interleaved(findings, subjects, bounds)
    return findings


def _turn(directory: Path, faults: list[str], *, teller: Teller, bounds: Bounds) -> Sample:
    with Standins() as standins, teller.start(directory, standins) as subject:
        trial = Trial(teller, standins, subject.url)
        trial.send(WARM_UP, RATE)
        before, scripts = subject.usage(), _scripts(subject)
        steady = trial.send(bounds.count(RATE * SECONDS), RATE)
        used, scripts = subject.usage().since(before), _scripts(subject) - scripts
        half = trial.send(bounds.count(PROBE)).told_per_second / 2
        faster = trial.send(min(bounds.count(int(half * HALF_SECONDS)), MOST), half)
        faults += [*trial.faults(), *accounts.told(subject, trial.sent)]
    return {
        **_milliseconds("", steady.waits, (50, 99, 100)), **_milliseconds("answer_", steady.sent.waits, (50, 99)),
        **_milliseconds("half_", faster.waits, (50, 99)), "half_rate": half,
        "app_us": used.app_cpu / len(steady.waits) * 1e6, "redis_us": used.redis_cpu / len(steady.waits) * 1e6,
        **({"scripts": scripts / len(steady.waits)} if teller.is_relay else {}),
    }  # fmt: skip


def _milliseconds(name: str, seconds: list[float], shares: tuple[int, ...]) -> Sample:
    return {f"{name}p{share}": quantile(seconds, share / 100) * 1e3 for share in shares}


def _scripts(subject: peers.Started) -> int:
    """How many were run on its Redis so far."""
    return subject.evaluations() if isinstance(subject, Relay) else 0
