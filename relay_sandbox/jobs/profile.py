"""A real job: the profile of an event log in CSV. Cases, activities, variants and throughput times, as a report."""

import asyncio
import csv
import io
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from relay_sandbox.jobs import sample_log
from relay_sandbox.jobs.profile_page import page_of
from relay_sandbox.runner import File, Job, JobResult, Report
from relay_sandbox.schema import texts

PHASES = ("Reading", "Variants", "Throughput Times", "Report")
COLUMNS = {"case": "case_id", "activity": "activity", "timestamp": "timestamp"}
SLICE = 2000  # rows between two reports, and between two chances to be stopped
SHOWN = 10
DATASET = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}\.csv")


class Event(NamedTuple):
    activity: str
    at: datetime


class EventLogProfile:
    """`parameters`: `csv` (text), or `dataset`: `sample`, or a file in the data directory's `datasets`.

    `columns` names the columns of case, activity and timestamp, if they are not case_id, activity and timestamp.
    A log may be large: it is worked on in threads, and the server goes on answering. A thread cannot be stopped; one
    that nobody waits for any more ends with its slice or its step.
    """

    phases: Sequence[str] = PHASES

    def __init__(self, datasets: Path | None = None) -> None:
        self._datasets = datasets

    def check(self, parameters: Mapping[str, Any]) -> None:
        """ValueError for parameters without a log that is there."""
        self._source(parameters)
        _columns(parameters)

    async def run(self, operation: Job, report: Report) -> JobResult:
        source = self._source(operation.parameters)
        text = source if isinstance(source, str) else await asyncio.to_thread(source.read_text, "utf-8-sig")
        rows = _rows(text, _columns(operation.parameters))
        total = max(1, text.count("\n") - 1)
        cases: dict[str, list[Event]] = defaultdict(list)
        count = 0
        while rows_read := await asyncio.to_thread(_collect, rows, cases):
            count += rows_read
            await report("Reading", min(count / total, 0.99), processed=count, total=total, activity="Reading rows")
        if not count:
            raise ValueError("the log has no rows")
        await report("Reading", 1.0, processed=count, total=count)
        variants = await asyncio.to_thread(_counted, cases)
        await report("Variants", 1.0, processed=count, total=count)
        profile = await asyncio.to_thread(_profile, cases, variants, count)
        await report("Throughput Times", 1.0, processed=count, total=count)
        files = [
            File("Event Log Profile", "Report", "HTML", "profile.html", "The profile to read",
                 page_of(operation.name, profile).encode()),
            File("Event Log Profile (data)", "Dataset", "JSON", "profile.json", "The profile as data",
                 json.dumps(profile, indent=2, ensure_ascii=False).encode()),
        ]  # fmt: skip
        await report("Report", 1.0, processed=count, total=count)
        numbers = {"recordsAnalyzed": count, "cases": len(cases), "activities": len(profile["activities"]),
                   "processVariants": len(variants), "medianThroughputTime": profile["throughput"]["median"],
                   "reportsCreated": len(files)}  # fmt: skip
        phases = {"Reading": {"recordsLoaded": count, "cases": len(cases)},
                  "Variants": {"variants": len(variants), "activities": len(profile["activities"])},
                  "Throughput Times": profile["throughput"], "Report": {"files": len(files)}}  # fmt: skip
        return JobResult(numbers, phases, files)

    def _source(self, parameters: Mapping[str, Any]) -> str | Path:
        text, dataset = parameters.get("csv"), parameters.get("dataset", "sample")
        if text is not None:
            if not isinstance(text, str) or not text.strip():
                raise ValueError("csv: expected the text of a CSV file")
            return text
        if dataset == "sample":
            return sample_log.sample()
        # A name and no path: nothing outside the folder can be named.
        if not isinstance(dataset, str) or not DATASET.fullmatch(dataset) or not self._datasets:
            raise ValueError("dataset: expected sample, or the name of a .csv file in the data directory's datasets")
        if not (self._datasets / dataset).is_file():
            raise ValueError(f"dataset: there is no {dataset} in {self._datasets}")
        return self._datasets / dataset


def _columns(parameters: Mapping[str, Any]) -> dict[str, str]:
    names = parameters.get("columns", {})
    if (
        not isinstance(names, Mapping)
        or names.keys() - COLUMNS.keys()
        or not all(isinstance(v, str) for v in names.values())
    ):
        raise ValueError("columns: expected the names of the columns case, activity and timestamp")
    return COLUMNS | dict(names)


def _rows(text: str, columns: Mapping[str, str]) -> Iterator[tuple[str, Event]]:
    head = text.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(text), delimiter=max(",;\t", key=head.count))
    if missing := [column for column in columns.values() if column not in (reader.fieldnames or ())]:
        raise ValueError(f"the log has no column {missing[0]}; it has {', '.join(reader.fieldnames or ())}")
    for row in _read(reader):
        try:
            at = datetime.fromisoformat(row[columns["timestamp"]] or "")
        except ValueError:
            raise ValueError(f"line {reader.line_num}: expected a time such as 2024-01-20T11:15:00Z") from None
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        yield row[columns["case"]] or "", Event(row[columns["activity"]] or "", at)


def _read(reader: "csv.DictReader[str]") -> Iterator[dict[str, Any]]:
    try:
        yield from reader
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num + 1}: {error}") from None


def _collect(rows: Iterator[tuple[str, Event]], cases: dict[str, list[Event]]) -> int:
    """Put the next rows to their cases; how many there were."""
    part = list(islice(rows, SLICE))
    for case, event in part:
        cases[case].append(event)
    return len(part)


def _counted(cases: Mapping[str, list[Event]]) -> Counter[tuple[str, ...]]:
    """How many cases go the same way; every case is put in order of time."""
    variants: Counter[tuple[str, ...]] = Counter()
    for events in cases.values():
        events.sort(key=lambda event: event.at)
        variants[tuple(event.activity for event in events)] += 1
    return variants


def _profile(cases: Mapping[str, list[Event]], variants: Counter[tuple[str, ...]], rows: int) -> dict[str, Any]:
    seconds = sorted((events[-1].at - events[0].at).total_seconds() for events in cases.values())
    activities = Counter(event.activity for events in cases.values() for event in events)
    times = [event.at for events in cases.values() for event in (events[0], events[-1])]
    return {
        "events": rows,
        "cases": len(cases),
        "from": texts.iso(min(times).timestamp()),
        "to": texts.iso(max(times).timestamp()),
        "activities": [{"activity": activity, "count": count} for activity, count in activities.most_common()],
        "variants": [{"steps": list(steps), "cases": count, "share": round(100 * count / len(cases), 1)}
                     for steps, count in variants.most_common(SHOWN)],
        "variantCount": len(variants),
        "throughput": {"shortest": texts.span(seconds[0]), "median": texts.span(median(seconds)),
                       "mean": texts.span(sum(seconds) / len(seconds)), "longest": texts.span(seconds[-1])},
    }  # fmt: skip
