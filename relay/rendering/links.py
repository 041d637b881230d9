"""`links` of a message: pages for people. Pure.

They are those of the configuration (`platform.links`), else a page that the platform named (`trackingUrl`). Runs of
formats have the latter alone. Addresses of the platform's API answer programs that have a token, and are no links.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote, urlencode

from relay.domain.documents import rows
from relay.domain.events import Event
from relay.domain.jobs import job_of
from relay.domain.links import ANYWHERE, LinkHosts, LinkTemplates, fill, is_api
from relay.rendering.texts import clean, line, safe_url, text


class Whose(Protocol):
    """An event, or a row about an operation."""

    @property
    def tenant(self) -> str: ...
    @property
    def project(self) -> str: ...


class Base(NamedTuple):
    """Base of the platform's relative addresses, and the hosts that documents may name."""

    url: str = ""
    hosts: LinkHosts = ANYWHERE


def address(path: str, event: Whose, base: Base) -> str:
    """Complete an address such as `/api/{tenantId}/…`; '' where that is not possible, or its host is not allowed."""
    for name, value in (("{tenantId}", event.tenant), ("{projectId}", event.project)):
        if value:
            path = path.replace(name, quote(clean(value), safe=""))
    if path.startswith("/") and not path.startswith("//"):
        path = base.url.rstrip("/") + path
    return safe_url(path, base.hosts) if "{" not in path else ""


def for_people(url: str) -> str:
    """Return the address if it is no API's."""
    return "" if is_api(url) else safe_url(url)


def run_link(templates: LinkTemplates, values: Mapping[str, str], tracking: str = "") -> str:
    """Return the page of a run, or ''."""
    return safe_url(fill(templates.operation, values)) or for_people(tracking)


def batch_link(templates: LinkTemplates, values: Mapping[str, str], tracking: str = "") -> str:
    """Return the page of a batch, or ''."""
    return safe_url(fill(templates.batch, values)) or for_people(tracking)


def of_event(templates: LinkTemplates, event: Event) -> dict[str, str]:
    """Return the values of the placeholders that every event has."""
    return {
        "tenantId": line(clean(event.tenant)) or templates.tenant,
        "projectId": line(clean(event.project)) or templates.project,
        "batchId": clean(event.batch.id) if event.batch else line(clean(event.member_of)),
    }


def links(
    templates: LinkTemplates,
    event: Event,
    op: Mapping[str, Any],
    batch: Mapping[str, Any],
    error_code: str,
    *,
    alarm_of_batch: bool = False,
) -> dict[str, str]:
    """Return all links. `alarm_of_batch`: of a batch, in the words of an operation."""
    origin = of_event(templates, event)
    name = op["name"] if op["named"] else op["id"]  # not in the reader's language
    values = origin | {
        "operationId": op["id"], "type": op["type"], "name": name, "status": op["status"], "phase": op["phase"],
        "errorCode": error_code,
    }  # fmt: skip
    if alarm_of_batch:
        run = batch_link(templates, values | {"batchId": op["id"]}, op["tracking_url"])
    else:
        run = run_link(templates, values, op["tracking_url"]) if op["id"] else ""
    return {
        "operation": run,
        "batch": batch_link(
            templates, values | {"name": batch["name"] if batch["named"] else batch["id"]}, batch["tracking_url"]
        )
        if batch["id"]
        else "",
        "results": (safe_url(fill(templates.results, values)) if op["id"] else "") or run,
        "runbook": safe_url(fill(templates.runbook, values)),
        "runs": safe_url(fill(templates.runs, origin)),
        "silence": silence_link(templates.console, event),
    }


def silence_link(console: str, event: Event) -> str:
    """Return the console's form for a silence of the event's job, filled in; '' without a console or a name."""
    job = job_of(event, name=event.job) if console else None
    if job is None:
        return ""
    stated = {"job": job.name, "tenant": event.tenant, "project": event.project}
    return f"{console}/console/silences?{urlencode({name: value for name, value in stated.items() if value})}#add"


def row_link(templates: LinkTemplates, entry: Mapping[str, Any], event: Whose, base: Base) -> str:
    """Return the page of one run or batch of a digest, from its entry (relay.domain.digest_entries)."""
    tracking, key = address(text(entry, "path"), event, base), text(entry, "id")
    templates = templates.of(text(entry, "platform"))
    values = _of_entry(templates, entry) | {name: text(entry, name) for name in ("type", "name", "status", "phase")}
    if entry.get("batch") is True:
        return batch_link(templates, values | {"batchId": key}, tracking)
    return run_link(templates, values | {"operationId": key}, tracking)


def round_up_links(templates: LinkTemplates, event: Event) -> dict[str, str]:
    """Return the links of a message about many runs: the page that lists all of them, if there is one."""
    entries = [(templates.of(text(entry, "platform")), entry) for entry in rows(event.document.get("entries"))]
    origins = [(its, _of_entry(its, entry)) for its, entry in entries] or [(templates, of_event(templates, event))]
    pages = {safe_url(fill(its.runs, clean(origin))) for its, origin in origins}
    only = pages.pop() if len(pages) == 1 else ""
    return {"operation": "", "batch": "", "results": "", "runbook": "", "runs": only, "silence": ""}


def _of_entry(templates: LinkTemplates, entry: Mapping[str, Any]) -> dict[str, str]:
    return {"tenantId": text(entry, "tenant") or templates.tenant,
            "projectId": text(entry, "project") or templates.project}  # fmt: skip
