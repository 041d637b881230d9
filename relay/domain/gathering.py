"""Runs of one job in one row of a digest: how many there were, and how long the quickest and the longest took. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from relay.domain.jobs import Job, fold

Entry = Mapping[str, Any]


def gathered(entries: Sequence[Entry], duration_of: Callable[[Entry], float | None]) -> list[dict[str, Any]]:
    """The entries in their order; those of one job that ended alike are one, where the first of them stood.

    Such a one says what its newest run says but for what is of that run alone, and besides `runs` (more than one),
    `job` (its name with # for what differs), `shortest`, `longest` and `anomalies`, which are all that were found.
    """
    groups: dict[tuple[object, ...], list[Entry]] = {}
    for number, entry in enumerate(entries):
        name = fold(str(entry.get("name") or ""))
        whose = tuple(entry.get(part) for part in ("platform", "tenant", "project"))
        key = (*whose, entry.get("type"), entry.get("status"), name.casefold())
        groups.setdefault((number,) if entry.get("batch") or not name else key, []).append(entry)
    return [dict(group[0]) if len(group) == 1 else _one_of(group, duration_of) for group in groups.values()]


def _one_of(group: Sequence[Entry], duration_of: Callable[[Entry], float | None]) -> dict[str, Any]:
    newest = max(group, key=lambda entry: str(entry.get("at") or ""))
    names = {entry.get("name") for entry in group}
    spans = sorted(span for entry in group if (span := duration_of(entry)) is not None)
    anomalies = [entry["anomalies"] for entry in group if entry.get("anomalies") is not None]
    kept = ("id", "platform", "tenant", "project", "type", "status", "at")
    job = fold(str(newest["name"]))
    title = newest["name"] if len(names) == 1 else Job("", "", "", "", job).title
    gathered = {key: newest[key] for key in kept if key in newest} | {"name": title or newest["name"], "job": job}
    gathered |= {"runs": len(group)} | ({"anomalies": sum(anomalies)} if anomalies else {})
    return gathered | ({"shortest": spans[0], "longest": spans[-1]} if spans else {})
