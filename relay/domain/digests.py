"""Digests: the rows that are shown, and what all of a window's entries amount to. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from relay.domain.digest_entries import Entry, causes_in_line, duration_of, ended_at, section_of, went_wrong
from relay.domain.documents import iso
from relay.domain.events import FAILED, PRIORITIES, TERMINAL, Document
from relay.domain.identity import by_cause
from relay.domain.jobs import Job, fold

OF_FAILURES = frozenset({"cause", "call"})  # round-ups that name each run, and say whose it is
MAX_NAMED = 300  # of these that have no row
# Rows of each group that are shown; the others are counted.
MAX_ROWS = {"attention": 30, "recovered": 10, "done": 10, "running": 20}
DAILY = timedelta(days=6)  # a window up to this long is called daily
SHOWN_DAYS = 7
SPACE = ("platform", "tenant", "project")


def totals(entries: Sequence[Entry]) -> dict[str, Any]:
    """Count the figures of a digest. A batch is one run, which failed if one of its operations did.

    Runs of several jobs have no median.
    """
    completed = [entry for entry in entries if entry.get("status") == "Completed" and not went_wrong(entry)]
    spans = [span for entry in completed if (span := duration_of(entry)) is not None]
    return {
        "completed": len(completed),
        "failed": sum(map(went_wrong, entries)),
        "overdue": sum(bool(entry.get("rule")) and entry.get("status") not in TERMINAL for entry in entries),
        "over": sum(entry.get("status") in TERMINAL for entry in entries),
        "jobs": len({_job(entry) for entry in entries if entry.get("status") in TERMINAL}),
        "median": median(spans) if spans and len({*map(_job, completed)}) == 1 else None,
    }


def part_recovered(entries: Sequence[Entry]) -> list[Entry]:
    """Mark the failures of jobs that completed a run after them."""
    well: dict[tuple[object, ...], float] = {}
    for entry in entries:
        if entry.get("name") and entry.get("status") == "Completed" and not went_wrong(entry):
            well[_job(entry)] = max(well.get(_job(entry), 0.0), _stamp(entry))
    return [
        {**entry, "recovered": True} if went_wrong(entry) and well.get(_job(entry), 0.0) > _stamp(entry) else entry
        for entry in entries
    ]


def count_batches_once(entries: Sequence[Entry]) -> list[Entry]:
    """Leave out operations whose batch is among the entries and reports them; it takes the causes of theirs."""
    batches: dict[object, list[Entry]] = {}
    for entry in entries:
        if entry.get("batch"):
            batches.setdefault(entry.get("id"), []).append(entry)
    failed: dict[tuple[object, ...], list[Entry]] = {}
    alone = []
    for entry in entries:
        batch = next((batch for batch in batches.get(entry.get("member_of"), ()) if _may_hold(batch, entry)), None)
        unreported = batch is not None and section_of(entry) == "attention" and section_of(batch) != "attention"
        if batch is None or batch.get("id") == entry.get("id") or unreported:
            alone.append(entry)
        elif entry.get("error"):
            failed.setdefault(_place(batch), []).append(entry)
    return [_with_causes(entry, failed.get(_place(entry), ())) for entry in alone]


def _with_causes(batch: Entry, failed: Sequence[Entry]) -> Entry:
    """Let it take the causes of its operations that are entries, unless it knows those of more."""
    partial = batch.get("error") and batch.get("failed_count", 0) > len(failed)
    return batch if partial or not failed else {**batch, **causes_in_line(failed)}


def _may_hold(batch: Entry, entry: Entry) -> bool:
    """Return whether the batch's platform, tenant and project are those that the entry states; it may state none."""
    return all(entry.get(part) in (None, "", batch.get(part)) for part in SPACE)


def _place(entry: Entry) -> tuple[object, ...]:
    return (*(entry.get(part) for part in SPACE), entry.get("id"))


def per_day(entries: Iterable[Entry], zone: str) -> dict[str, tuple[int, int]]:
    """Count the runs that completed and failed on each day of this zone."""
    counts: dict[str, tuple[int, int]] = {}
    for entry in entries:
        ended = ended_at(entry)
        if ended and entry.get("status") in ("Completed", *FAILED):
            day = ended.astimezone(ZoneInfo(zone)).date().isoformat()
            completed, failed = counts.get(day, (0, 0))
            well = not went_wrong(entry)
            counts[day] = completed + well, failed + (not well)
    return counts


def build_digest(
    kind: str,
    start: float,
    end: float,
    entries: Sequence[Entry],
    *,
    zone: str = "UTC",
    held: int = 0,
    before: Document | None = None,
    days: Mapping[str, tuple[int, int]] | None = None,
) -> dict[str, Any]:
    """Build the document of a digest or a round-up; `before` is the baseline of the digest before it."""
    groups: dict[str, list[Entry]] = {name: [] for name in MAX_ROWS}
    if kind not in OF_FAILURES:
        entries = part_recovered(count_batches_once(entries))
    for entry in entries:
        groups[section_of(entry)].append(entry)
    for name, order in _ORDERS.items():
        groups[name].sort(key=order)
    # What was held replaces its message: each run has a row, its own or its batch's. Of more than anybody reads,
    # those of one job have one, of failures those of one cause.
    shown: dict[str, Sequence[Entry]] = {**groups}
    if kind in ("digest", "overflow"):
        shown |= {name: _alike(groups[name]) for name in ("attention", "recovered")}
        shown["done"] = digest_groups(groups["done"])
    unlisted = shown["attention"][MAX_ROWS["attention"] :] if kind in OF_FAILURES else []
    daily = timedelta(seconds=end - start) <= DAILY
    new = per_day(entries, zone) if kind == "digest" else {}
    return {
        "event": "roundup" if kind != "digest" else "digest",
        "kind": kind,
        "from": iso(start),
        "to": iso(end),
        "timestamp": iso(end),
        "zone": zone,
        "daily": daily,
        "entries": [dict(entry) for name, limit in MAX_ROWS.items() for entry in shown[name][:limit]],
        "others": [str(entry.get("name") or entry.get("id")) for entry in unlisted[:MAX_NAMED]],
        "totals": totals(entries) | {name: len(group) for name, group in groups.items()} | {"total": len(entries)},
        "before": before if before and before.get("daily") == daily else None,
        "days": _days(days or {}, new, (start if not daily else end, end), zone) if kind == "digest" else [],
        "new_days": new,
        "held": held,
    }


def digest_baseline(document: Document) -> dict[str, Any]:
    """Return what the next digest compares itself with, once this one was sent."""
    figures = {key: document["totals"][key] for key in ("completed", "failed", "overdue", "median")}
    return {"last": figures | {"to": document["to"], "daily": document["daily"]}, "days": document["new_days"]}


def digest_groups(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Merge the entries of one job that ended alike into one row: what its newest run states, and what all have."""
    return [dict(group[0]) if len(group) == 1 else _merged(group) for group in _by_job(entries, "status")]


def _alike(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Merge what went wrong in one job for one cause, or what its alarms found: the gravest run stands for all."""
    groups = [group for job in _by_job(entries, "status", "rule") for group in by_cause(job)]
    return [
        {**group[0], "name": _title(group), "runs": len(group)} if len(group) > 1 else dict(group[0])
        for group in sorted(groups, key=lambda group: _worst_first(group[0]))
    ]


def _by_job(entries: Sequence[Entry], *parts: str) -> Iterable[list[Entry]]:
    """Group the entries of one job in which these parts are the same; a batch, or a run without a name, is alone."""
    groups: dict[tuple[object, ...], list[Entry]] = {}
    for number, entry in enumerate(entries):
        key = (*_job(entry), *map(entry.get, parts))
        groups.setdefault((number,) if entry.get("batch") or not entry.get("name") else key, []).append(entry)
    return groups.values()


def _job(entry: Entry) -> tuple[object, ...]:
    name = fold(str(entry.get("name") or "")).casefold()
    return (*(entry.get(part) for part in SPACE), entry.get("type"), bool(entry.get("batch")), name)


def _title(group: Sequence[Entry]) -> str:
    names = [str(entry["name"]) for entry in group]
    return names[0] if len({*names}) == 1 else Job("", "", "", "", fold(names[0])).title or names[0]


def _merged(group: Sequence[Entry]) -> dict[str, Any]:
    newest = max(group, key=lambda entry: str(entry.get("at") or ""))
    spans = sorted(span for entry in group if (span := duration_of(entry)) is not None)
    anomalies = [entry["anomalies"] for entry in group if entry.get("anomalies") is not None]
    row = {key: newest[key] for key in ("id", "platform", "tenant", "project", "type", "status", "at") if key in newest}
    row |= {"name": _title(group), "job": fold(str(newest["name"])), "runs": len(group)}
    row |= {"anomalies": sum(anomalies)} if anomalies else {}
    return row | ({"shortest": spans[0], "longest": spans[-1]} if spans else {})


def _worst_first(entry: Entry) -> tuple[int, int, float]:
    status = entry.get("status")
    return -_rank(entry), [*FAILED, status].index(status), -_stamp(entry)


def _best_first(entry: Entry) -> tuple[Any, ...]:
    results = tuple(-(entry.get(name) or 0) for name in ("anomalies", "variants", "records"))
    return entry.get("status") != "Completed", not entry.get("batch"), *results, -_stamp(entry)


def _rank(entry: Entry) -> int:
    priority = entry.get("priority") or "Normal"
    return PRIORITIES.index(priority) if priority in PRIORITIES else 1


def _stamp(entry: Entry) -> float:
    moment = ended_at(entry)
    return moment.timestamp() if moment else 0.0


_ORDERS = {
    "attention": _worst_first,
    "recovered": _worst_first,
    "done": _best_first,
    "running": lambda entry: (-_rank(entry), -_stamp(entry)),
}


def _days(
    earlier: Mapping[str, tuple[int, int]],
    new: Mapping[str, tuple[int, int]],
    window: tuple[float, float],
    zone: str,
) -> list[dict[str, Any]]:
    """Count the last seven days of the window; [] if there were runs on one of them alone."""
    first, last = (datetime.fromtimestamp(moment, ZoneInfo(zone)).date() for moment in window)
    shown = min(max((last - first).days + 1, SHOWN_DAYS), SHOWN_DAYS + 1)
    dates = [(last - timedelta(days=back)).isoformat() for back in reversed(range(shown))]
    if sum(day in earlier or day in new for day in dates) < 2:
        return []
    counts = []
    for day in dates:
        before, added = earlier.get(day, (0, 0)), new.get(day, (0, 0))
        counts.append({"date": day, "completed": before[0] + added[0], "failed": before[1] + added[1]})
    return counts
