"""`job`, and the outcome of an operation, as templates see them: every field is there, whatever is known. Pure."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from markupsafe import Markup

from relay.domain import documents
from relay.domain.display import ELLIPSIS
from relay.domain.documents import iso as iso_time
from relay.domain.documents import mapping, rows
from relay.domain.error_reader import both_ends, cause_of, uncoloured
from relay.domain.events import TERMINAL, Event, Outcome
from relay.domain.failed_phases import reason_of
from relay.domain.identity import error_of, has_failed, message_of, said_of, signature, stack_of
from relay.domain.masking import masked
from relay.domain.outcomes import SLIGHTLY, Usual, phase_name, phase_seconds, streaks, too_quick, usual, usual_phases
from relay.rendering.filters import excerpt, last_lines
from relay.rendering.links import Base, address, for_people
from relay.rendering.localized_values import Localizer
from relay.rendering.texts import between, clean, iso, number, text, time
from relay.rendering.translations import Language

# Of a job of which nothing is known.
EMPTY: dict[str, Any] = {
    "ends": 0, "successes": 0, "usual": None, "verdict": "", "too_quick": False, "ratio": None, "late_by": None,
    "expected_end": "", "streak": 0, "streak_since": "", "runs_since_failure": 0, "last_success": "", "same_error": 0,
    "recovered_after": 0, "phases": [], "slowest": None,
}  # fmt: skip
LONGEST = 1e9  # seconds; a sender may count in others
SLOWER = 1.5  # so many times its median a phase is slow
MOST_PRINTED = 16_000  # characters of an error's message, and of its trace
MOSTLY = 0.5  # the part of the delay that the phase must explain which is named


def job(event: Event, op: Mapping[str, Any], merged: Mapping[str, Any]) -> dict[str, Any]:
    """Compare the run, as of its end or of the event, with the other ends of its job, `event.past`."""
    if event.about_batch or event.operation is None:
        return {**EMPTY, "phases": []}
    past = event.past or ()
    normal = usual(past)
    phases = _phases(event, op, merged, usual_phases(past))
    duration = op["duration"] if op["status"] in TERMINAL else None
    successes = [end.ended for end in past if end.succeeded]
    values = {**EMPTY, "ends": len(past), "successes": len(successes), "phases": phases}
    values |= _in_a_row(event, past) | {"last_success": iso_time(max(successes, default=None))}
    if normal is None:
        return values
    values["usual"] = {"low": normal.low, "median": normal.median, "high": normal.high}
    if isinstance(duration, int | float) and normal.median > 0:
        values["ratio"] = duration / normal.median
    if event.status == "Completed" and isinstance(duration, int | float):
        values["verdict"] = normal.verdict(duration)
        values["too_quick"] = too_quick(past, duration)
    if event.status not in TERMINAL:
        values |= _end_in_sight(event, op, normal)
    values["slowest"] = _slowest(phases, normal, values, duration)
    return values


def _in_a_row(event: Event, past: tuple[Outcome, ...]) -> dict[str, Any]:
    """Return the streak that the run continues: a failure adds to the failures before it, a success ends them."""
    earlier = streaks(past)
    fails = event.status in ("Failed", "Timeout")
    since = earlier.failures[0].ended if earlier.failures else event.occurred_at.timestamp() if fails else None
    done = event.status == "Completed"
    error_here = signature(error_of(event)) if fails else ""
    return {
        "streak": 0 if done else len(earlier.failures) + fails,
        "streak_since": "" if done else iso_time(since),
        "runs_since_failure": earlier.successes,
        "same_error": sum(end.error == error_here for end in past) if error_here else 0,
        "recovered_after": len(earlier.failures) if done else 0,
    }


def _end_in_sight(event: Event, op: Mapping[str, Any], normal: Usual) -> dict[str, Any]:
    """Return by how much it will be later than nine of ten runs: by the platform's estimate, else by the median."""
    started, estimate = time(op, "started_at"), time(op, "estimated_completion")
    if started is None:
        return {}
    now, begin = event.occurred_at.timestamp(), started.timestamp()
    expected = estimate.timestamp() if estimate else begin + normal.median
    ends = max(expected, now)
    late = ends - (begin + normal.high)
    usual = ends >= begin + normal.low - normal.tolerance
    return {
        "late_by": late if late > normal.tolerance else 0 if usual else None,
        "expected_end": iso_time(expected) if estimate is None and expected > now else "",
    }


def _phases(
    event: Event, op: Mapping[str, Any], merged: Mapping[str, Any], medians: Mapping[str, float]
) -> list[dict[str, Any]]:
    """List the run's phases, as far as its documents name them, each with its median among the successes."""
    until = _phases_end(event, op)
    listed, results = rows(merged.get("phases")), rows(mapping(merged.get("results")).get("phaseResults"))
    finished = {phase_name(str(row.get("phaseName") or row.get("name") or "")): phase_seconds(row) for row in results}
    if op["plan"]:
        stated = [(task["name"], task["state"], row) for task, row in zip(op["plan"], listed, strict=True)]
    else:
        stated = [(name, "complete", {"duration": seconds}) for name, seconds in finished.items() if name]
    phases = []
    for name, state, listed_row in stated:
        key = phase_name(name)
        row = {**listed_row, **event.phase} if key == phase_name(event.phase_name) else listed_row
        lasted = phase_seconds(row) if state != "pending" else None
        if lasted is None and state == "complete":
            lasted = finished.get(key)
        if lasted is None and state in ("in_progress", "error") and (start := documents.moment(row.get("startTime"))):
            lasted = between(start, until)
        normal = medians.get(key)
        slow = lasted is not None and normal is not None and lasted > max(SLOWER * normal, normal + SLIGHTLY)
        phases.append({"name": name, "duration": lasted, "usual": normal, "state": state, "slow": slow})
    return phases


def _phases_end(event: Event, op: Mapping[str, Any]) -> datetime:
    """Return when what has not stated its end was over: with its run, at the latest."""
    if op["status"] not in TERMINAL:
        return event.occurred_at
    started, lasted = time(op, "started_at"), op["duration"]
    by_duration = None
    if started and isinstance(lasted, int | float) and lasted < LONGEST:
        by_duration = started + timedelta(seconds=lasted)
    return min(end for end in (time(op, "finished_at"), by_duration, event.occurred_at) if end)


def _slowest(
    phases: Sequence[Mapping[str, Any]], normal: Usual, values: Mapping[str, Any], duration: float | None
) -> dict[str, Any] | None:
    """Return the phase that explains the most of a delay, if it explains half of it."""
    beyond = [(row["duration"] - row["usual"], row) for row in phases if None not in (row["duration"], row["usual"])]
    longer, row = max(beyond, key=lambda pair: pair[0], default=(0.0, {}))
    delay = values["late_by"] or 0
    if values["verdict"] == "slow" and duration is not None:
        delay = duration - normal.median
    if delay <= 0 or longer < MOSTLY * delay:
        return None
    return {name: row[name] for name in ("name", "duration", "usual")}


_USER = re.compile(r"[UW][A-Z0-9]{2,20}")
# The result of a button, where none was pressed.
ACTION = {"name": "", "user": "", "userName": "", "ok": False, "unknown": False, "detail": "", "newOperationId": ""}


def results(document: Mapping[str, Any]) -> dict[str, Any]:
    summary = mapping(document.get("summary"))
    return {
        **document,
        "summary": summary,
        "variants": number(summary, "processVariants"),
        "anomalies": number(summary, "anomaliesDetected"),
    }


def artifact(row: Mapping[str, Any], event: Event, base: Base) -> dict[str, Any]:
    url = for_people(address(text(row, "downloadUrl", "url"), event, base))
    return {
        **row,
        "name": text(row, "name", "fileName", "type") or url,
        "type": text(row, "type"),
        "format": text(row, "format"),
        "size": row.get("size"),
        "url": url,
        "description": text(row, "description"),
        "expires_at": iso(time(row, "expiresAt", "downloadUrlExpiresAt", "urlExpiresAt")),
    }


def recommendation(row: Mapping[str, Any], formats: Localizer) -> dict[str, Any]:
    priority = text(row, "priority")
    return {
        **row,
        "text": text(row, "recommendation", "text", "title"),
        "category": text(row, "category"),
        "priority": priority,
        "priority_label": formats.language.label(priority),
        "effect": text(row, "expectedImprovement"),
    }


def error(document: Mapping[str, Any], language: Language) -> dict[str, Any]:
    """Return the error. `cause` is its message in one line, `trace` and `excerpt` what it prints beyond that."""
    message, stack = _printed(document)
    return {
        **document,
        "code": masked(text(document, "code", "errorCode")),
        "message": masked(both_ends(said_of(document).strip(), MOST_PRINTED)),
        "cause": language.cause(cause_of(message_of(document))),
        "trace": trace_of(document),
        "excerpt": "\n".join(filter(None, (excerpt(message) if stack else last_lines(message), last_lines(stack)))),
        "phase": text(document, "phase"),
        "retryable": document.get("retryable") if isinstance(document.get("retryable"), bool) else None,
    }


def trace_of(document: Mapping[str, Any]) -> str:
    """Return what an error's document prints, where that is more than its cause: its message, then its trace."""
    return "\n\n".join(filter(None, _printed(document)))


def _printed(document: Mapping[str, Any]) -> tuple[str, str]:
    """Return message and trace as people may see them; '' for one that says no more than the cause or the other."""
    message, stack = (
        masked(uncoloured(both_ends(stated.strip(), MOST_PRINTED, f"\n{ELLIPSIS}\n")))
        for stated in (said_of(document), stack_of(document))
    )
    shown = message in stack or " ".join(message.split()) == cause_of(message_of(document))
    return "" if shown else message, stack


def cancellation(document: Mapping[str, Any], event: Event, base: Base) -> dict[str, Any]:
    partial = mapping(document.get("partialResults"))
    urls = partial.get("downloadUrls")
    listed = [url for url in urls if isinstance(url, str)] if isinstance(urls, list) else []
    available = partial.get("available")
    return {
        **document,
        "by": text(document, "cancelledBy"),
        "reason": text(document, "reason"),
        "partial": available if isinstance(available, bool) else None,
        "phases_kept": number(partial, "completedPhases"),
        "downloads": [whole for url in listed if (whole := for_people(address(url, event, base)))],
        "cost_saved": text(document, "resourcesReleased.costSaved"),
    }


def action(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a button's result and its presser: a Slack id becomes a mention, as Slack alone wrote it."""
    action = {**ACTION, **mapping(clean({key: document[key] for key in ACTION if key in document}))}
    return action | {"by": presser_of(action)["by"]}


def presser_of(names: Mapping[str, Any]) -> dict[str, str]:
    """Return who pressed: a mention, '' where there is no id of Slack's, and the name."""
    user, name = str(names.get("user", "")), str(names.get("userName", ""))
    mention = Markup(f"<@{user}>") if _USER.fullmatch(user) else ""  # noqa: S704 - an id and nothing else
    return {"by": mention, "name": clean(name)}


def presser(event: Event, events: Sequence[Event]) -> dict[str, str]:
    """Name the person who cancelled by a button, in place of the user of relay's token and of its reason."""
    pressed = [other.pressed for other in events if other.pressed and other.status == event.status]
    if not pressed:
        return {}
    names = mapping(clean(pressed[-1]))
    return {"by": f"{text(names, 'realName', 'userName', 'user')} (Slack)", "reason": ""}


def phase(document: Mapping[str, Any], language: Language) -> dict[str, Any]:
    return {
        **document,
        "name": text(document, "phaseName", "name"),
        "duration": document.get("duration") or phase_seconds(document),
        "failed": has_failed(document),
        "reason": language.cause(cause_of(reason_of(document))),
        "records": number(document, "recordsProcessed"),
        "results": mapping(document.get("results")),
    }
