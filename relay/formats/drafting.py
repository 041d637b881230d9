"""A first mapping of a document by guessing: by the names of its members, and times by their form. Pure."""

import json
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from relay.formats.fields import FIELDS
from relay.formats.leaves import MOST, leaves, letters
from relay.formats.paths import word_of
from relay.formats.times import iso_of

# Names, without signs, that mean a field, the likeliest first: of a member, or of it behind what it lies in.
NAMES: Mapping[str, str] = {
    "status": "status state conclusion outcome result runstatus success eventtype rc phase",
    "run": "runid executionid buildid jobrunid runno batchno id uuid guid number no",
    "attempt": "attempt runattempt attemptnumber retry try tries",
    "job": "jobname workflowname pipelinename flowname taskname name job workflow pipeline task title label",
    "title": "displaytitle title subject summary description",
    "progress": "progress percent percentage percentcomplete donepct pct",
    "at": "timestamp ts eventtime time updatedat occurredat sentat emitted",
    "started": "startedat starttime startdate started start begin began opened createdat",
    "ended": "finishedat endedat completedat endtime stoptime enddate finished ended completed closed end stop",
    "code": "errorcode errcode errno exitcode code",
    "error": "errormessage errmessage errtext statusmessage error failurereason message reason cause detail",
    "link": "htmlurl runurl weburl trackingurl logurl link url href page ui",
    "owner": "owner triggeredby startedby createdby user author actor operator",
}
WORDS: Mapping[str, str] = {  # of senders
    "Initiated": "queued pending created scheduled requested waiting submitted new",
    "Running": "running in_progress started start active processing",
    "Completed": "completed success succeeded successful ok done finished passed true",
    "Failed": "failed failure error errored err fail crashed false",
    "Cancelled": "cancelled canceled aborted stopped",
    "Timeout": "timeout timed_out",
}
PLAIN = re.compile(r"[A-Za-z_][\w.-]*")  # needs no quotes in YAML
SINCE, UNTIL = "2000", "2100"


def draft(document: Any, samples: str = "") -> Iterator[str]:
    """Yield the lines of a configuration with a format for documents like this one, for a person to edit."""
    found = dict(islice(leaves(document), MOST))
    meant: dict[str, tuple[str, ...]] = {}
    for field, names in NAMES.items():
        ranked = {name: rank for rank, name in enumerate(names.split())}
        beside = meant.get("status", ())[:-1]
        fits = [
            ("0" in path, rank, path[:-1] != beside, len(path), path)
            for path, value in found.items() if path not in meant.values()
            if (rank := min(ranked.get(letters(path[-1:]), MOST), ranked.get(letters(path[-2:]), MOST))) < MOST
            if (FIELDS[field].convert if field in FIELDS else word_of)(value) is not None
        ]  # fmt: skip
        if fits:
            meant[field] = min(fits)[-1]
    rest = {
        path: value for path, value in found.items() if path not in meant.values() and path[-1][-2:].lower() != "id"
    }
    times = sorted((at, path) for path, value in rest.items() if (at := iso_of(value)) and SINCE < at < UNTIL)
    for field, (_, path) in zip(("started", "ended"), (times[:1] + times[1:][-1:]), strict=False):
        meant.setdefault(field, path)
    yield from ("formats:", "  mine:", *([f"    samples: {json.dumps(samples)}"] if samples else []))
    for field in ("run", *(field for field in FIELDS if field in meant and field != "run"), "status"):
        route = ".".join(meant.get(field, (field,)))
        name = route if PLAIN.fullmatch(route) else json.dumps(route, ensure_ascii=False)
        says = json.dumps(found[meant[field]])[:60] if field in meant else "not found: write the path to it"
        yield f"    {field}:\n      of: {name}  # {says}" if field == "status" else f"    {field}: {name}  # {says}"
    own, rows = word_of(found.get(meant.get("status", ()))), {status: words.split() for status, words in WORDS.items()}
    if own and not any(own in words for words in rows.values()):
        parts = {*re.split(r"[\W_]+", own)}
        rows[next((status for status, words in rows.items() if parts & {*words}), "Running")].insert(0, json.dumps(own))
    yield from (f"      {status}: [{', '.join(words)}]" for status, words in rows.items())
