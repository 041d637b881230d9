"""What a store costs that knows more and more operations: events taken per second, and bytes an operation."""

import time
from pathlib import Path

from benchmarks.speed import accounts, load, requests
from benchmarks.speed.findings import Bounds, Chart, Column, Findings
from benchmarks.speed.relays import Relay, relay
from benchmarks.speed.statistics import Sample
from benchmarks.speed.turn import FASTEST

STEPS, SECONDS = 4, 4
MOST = 1_000_000  # operations

TEXT = f"""\
New operations and nothing else, each with its first event, of which nobody hears, on one Redis: {STEPS} steps of
{SECONDS} s, or more of them (`--scale 20`), until {MOST:,} are known. Bytes are what Redis has allocated more than when
it was empty, per operation. The last row is another relay on what the first has left: seconds until it is ready."""

COLUMNS = (
    Column("operations", "known"),
    Column("req/s", "rate"),
    Column("app µs", "app_us"),
    Column("Redis µs", "redis_us"),
    Column("bytes an operation", "bytes"),
    Column("RSS Redis MB", "redis_mb"),
    Column("ready again, s", "ready", ".2f"),
)


def measure(bounds: Bounds) -> Findings:
    findings = Findings(
        "growth", "Operations known", TEXT, COLUMNS, (Chart("rate", "Events per second, by what is known"),)
    )
    if not load.found():
        findings.left_out.append("all of it: there is no wrk")
        return findings
    directory = bounds.directory / "growth"
    directory.mkdir()
    with relay(directory) as subject:
        empty, known = subject.memory(), 0
        for step in range(steps := bounds.count(STEPS, 2)):
            sample = _step(subject, directory, known, min(bounds.seconds(SECONDS), SECONDS), findings.faults)
            known = subject.ledger()["events"]
            sample = {**sample, "known": known, "bytes": (subject.memory() - empty) / max(known, 1)}
            findings.rounds[f"relay, step {step + 1}"] = [sample]
            print(f"  growth {step + 1}/{steps}  {known:,} operations  {sample['rate']:,.0f}/s", flush=True)
            if known >= MOST:
                break
    began = time.perf_counter()
    with relay(directory) as subject:
        findings.rounds["relay, started again"] = [{"known": known, "ready": time.perf_counter() - began}]
        if subject.ledger()["events"] != known:
            findings.faults.append(f"{subject.ledger()['events']} of {known} events after the restart")
    return findings


def _step(subject: Relay, directory: Path, known: int, seconds: int, faults: list[str]) -> Sample:
    # Those of the step before that were under way at its end are known, too.
    made = (requests.signed(*pair) for pair in requests.starts(known + load.CONNECTIONS))
    file = requests.write(directory / "starts.bin", made, FASTEST * seconds)
    before, received = subject.usage(), subject.ledger()["received"]
    done = load.load(subject.url + requests.PATH, file, seconds)
    used = subject.usage().since(before)
    faults += accounts.received(subject, received + done.requests)
    faults += [f"{done.refused} refused, {done.broken} broken"] * bool(done.refused or done.broken)
    return {
        "rate": done.rate, "redis_mb": used.redis_memory,
        "app_us": used.app_cpu / done.requests * 1e6, "redis_us": used.redis_cpu / done.requests * 1e6,
    }  # fmt: skip
