"""Signed events per second and the cost of one, with 64 connections that are kept and never wait."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from itertools import islice
from pathlib import Path

from benchmarks.speed import accounts, load, peers, requests
from benchmarks.speed.accounts import FASTEST, WARM_UP, taken
from benchmarks.speed.findings import BASE, Bounds, Chart, Column, Findings, Measure, Sample, interleaved
from benchmarks.speed.relays import ALL, GITHUB, relay, strangers
from benchmarks.speed.standins import Standins

SECONDS = 4
SHARE = 8  # of the fastest rate, at most, for what is sixteen times as large

Start = Callable[[Path], AbstractContextManager[peers.Started]]

TEXT = """\
Events of about {size} bytes, signed as Standard Webhooks has it, of operations of ten events each; 64 connections
that are kept (wrk), {seconds} s after {warm_up} s of warm-up. relay has its default: a private Redis with an fsync
before each answer. Alertmanager gets alerts of the same size, unsigned, and keeps them in memory. GitHub's events are
`workflow_run` of about {foreign} bytes, signed its way. *new* is that no event came before, *live* that one live
destination in Slack shows all. CPU is of the program and of its Redis, per request; *others* is what else ran on the
machine meanwhile, in cores."""

COLUMNS = (
    Column("req/s", "rate"),
    Column("× bare", "rate", ".3f", BASE),
    Column("p50 ms", "p50", ",.1f"),
    Column("p99 ms", "p99", ",.1f"),
    Column("p99 × bare", "p99", ".2f", BASE),
    Column("app µs", "app_us"),
    Column("Redis µs", "redis_us"),
    Column("µs × bare", "cpu_us", ".2f", BASE),
    Column("RSS app MB", "app_mb"),
    Column("RSS Redis MB", "redis_mb"),
    Column("others", "others", ".2f"),
)


def measure(bounds: Bounds) -> Findings:
    charts = (
        Chart("rate", "Signed events taken per second"),
        Chart("cpu_us", "CPU per event, µs: program and its Redis"),
    )
    findings = Findings("ingest", "Ingest", "", COLUMNS, charts)
    seconds = bounds.seconds(SECONDS)
    if not load.program():
        findings.left_out.append("all of it: there is no wrk")
        return findings
    files = _files(bounds.directory, FASTEST * (seconds + WARM_UP))
    size = round(sum(len(body) for _, body in islice(requests.events(), 2000)) / 2000)
    findings.text = TEXT.format(size=f"{size:,}", foreign=f"{requests.FOREIGN:,}", seconds=seconds, warm_up=WARM_UP)
    findings.left_out += [f"{name}, which is not installed" for name in peers.missing()]
    interleaved(findings, _subjects(files, seconds), bounds)
    for file in files.values():
        file.unlink()
    return findings


def _files(directory: Path, count: int) -> dict[str, Path]:
    bodies = {
        "new": (requests.signed(*pair) for pair in requests.events()),
        "alerts": (requests.alert(*pair) for pair in requests.events()),
    }
    files = {
        name: requests.write(directory / f"{name}.bin", requests_of, count) for name, requests_of in bodies.items()
    }
    github = (requests.signed_by_github(*pair) for pair in requests.workflow_runs())
    files["github"] = requests.write(directory / "github.bin", github, count // SHARE)
    files["few"] = requests.write(
        directory / "few.bin", (requests.signed(*pair) for pair in requests.events()), accounts.FEW
    )
    return files


def _subjects(files: dict[str, Path], seconds: int) -> dict[str, Measure]:
    def of(start: Start, file: str, check: accounts.Check) -> Measure:
        return partial(_measure, start=start, file=files[file], seconds=seconds, check=check)

    def rules(count: int) -> Start:
        return partial(relay, settings={"rules": strangers(count)})

    subjects = {
        BASE: of(peers.bare, "few", accounts.nothing),
        "Alertmanager": of(peers.alertmanager, "alerts", accounts.alerts),
        "relay, new": of(relay, "new", accounts.new),
        "relay, new, live": of(_live, "new", accounts.new),
        "relay, new, GitHub": of(partial(relay, settings={"sources": GITHUB}), "github", accounts.new),
        "relay, duplicates": of(relay, "few", accounts.duplicates),
        "relay, new, 10 rules": of(rules(10), "new", accounts.new),
        "relay, new, 10,000 rules": of(rules(10_000), "new", accounts.new),
    }
    if peers.missing():
        del subjects["Alertmanager"]
    return subjects


def _measure(
    directory: Path, faults: list[str], *, start: Start, file: Path, seconds: int, check: accounts.Check
) -> Sample:
    with start(directory) as subject:
        return taken(subject, faults, file, seconds, check)


@contextmanager
def _live(directory: Path) -> Iterator[peers.Started]:
    """With a Slack that takes what the live destination posts meanwhile."""
    with Standins() as standins:
        slack = {"token": "xoxb-7Qm2-benchmark", "base_url": f"http://127.0.0.1:{standins.slack_port}/api/"}
        with relay(directory, {"rules": [ALL], "channels": {"slack": slack}}) as subject:
            yield subject
