"""Cost of reading a foreign sender's document, beside what a bare server takes for an event and JSON for the text."""

import json
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from timeit import Timer
from typing import Any

from benchmarks.speed import accounts, load, peers, requests
from benchmarks.speed.accounts import taken
from benchmarks.speed.findings import BASE, Bounds, Chart, Column, Findings, Measure, Sample, interleaved
from relay.config.formats import preset
from tests.formats.test_mutated import SENT

SECONDS, TIMES, REPEATS = 2, 500, 7

TEXT = """\
CPU of one reading of a document that is decoded already, in one process, by the preset of its sender: of its slowest
document, whose times were read before, as those of a run's earlier events are. *JSON µs* is `json.loads` of the same
document. A bare aiohttp takes its figure for each event."""
WHOLE = "github-actions, with all that GitHub sends"

COLUMNS = (
    Column("µs", "us", ",.1f"),
    Column("× bare", "us", ".2f", BASE),
    Column("JSON µs", "json_us", ",.1f"),
    Column("kB", "size", ",.1f"),
)


def measure(bounds: Bounds) -> Findings:
    charts = (Chart("us", "CPU of a reading, µs", ",.1f"),)
    findings = Findings("readings", "Foreign documents", TEXT, COLUMNS, charts)
    documents: dict[str, list[Any]] = {}
    for name, document in SENT:
        documents.setdefault(name, []).append(document)
    slowest = partial(_slowest, times=bounds.count(TIMES))
    subjects: dict[str, Measure] = {
        name: partial(slowest, read=preset(name).readings, documents=documents[name]) for name in sorted(documents)
    }
    _, body = next(requests.workflow_runs())
    subjects[WHOLE] = partial(slowest, read=preset("github-actions").readings, documents=[json.loads(body)])
    if load.program():
        events = (requests.signed(*pair) for pair in requests.events())
        few = requests.write(bounds.directory / "few-events.bin", events, accounts.FEW)
        subjects = {BASE: partial(_bare, file=few, seconds=bounds.seconds(SECONDS))} | subjects
    else:
        findings.left_out.append("the bare aiohttp: there is no wrk")
    interleaved(findings, subjects, bounds)
    return findings


def _bare(directory: Path, faults: list[str], *, file: Path, seconds: int) -> Sample:
    with peers.bare(directory) as subject:
        return {"us": taken(subject, faults, file, seconds, accounts.nothing)["app_us"]}


def _slowest(
    _directory: Path, _faults: list[str], *, read: Callable[[Any], Any], documents: Sequence[Any], times: int
) -> Sample:
    return max((_reading(read, document, times) for document in documents), key=lambda sample: sample["us"])


def _reading(read: Callable[[Any], Any], document: Any, times: int) -> Sample:
    text = json.dumps(document)
    used = [
        min(Timer(reader, timer=time.process_time).repeat(REPEATS, times)) / times * 1e6
        for reader in (partial(read, document), partial(json.loads, text))
    ]
    return {"us": used[0], "json_us": used[1], "size": len(text) / 1000}
