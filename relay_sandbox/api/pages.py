"""Pages for people, and downloads: where links in messages lead.

Their addresses cannot be guessed, or prove that they come from here, so no token is needed. Nothing can be done there.
"""

import hmac
import mimetypes
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from aiohttp import web

from relay.domain.documents import mapping, rows
from relay.receiving.problems import HEADERS, HttpProblem
from relay_sandbox.context import SandboxContext
from relay_sandbox.engine.batches import Batches
from relay_sandbox.schema import texts
from relay_sandbox.simulation import documents, outcomes
from relay_sandbox.storage.records import Batch, Operation

START_PAGE, RECORD_PAGE = (Path(__file__).with_name(name) for name in ("page.html", "record_page.html"))
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
REFRESH = '<meta http-equiv="refresh" content="2">\n'  # until it is over
FIGURES = {"recordsAnalyzed": "Records", "processVariants": "Process variants", "anomaliesDetected": "Anomalies"}

UNKNOWN = "This platform has no such run: its event was sent to relay by hand, or it was forgotten long after its end."

Row = Sequence[str]  # cells, as HTML


def add(app: web.Application, context: SandboxContext, batches: Batches) -> None:
    async def run(request: web.Request) -> web.Response:
        now = context.clock()
        try:
            operation = await _find(context, Operation, request)
        except HttpProblem:  # of a run whose event was sent to relay by hand, as the demo shows
            return _unknown_run(request, now)
        document: Mapping[str, Any] = documents.status(operation, now)
        results: Mapping[str, Any] = outcomes.results(operation, context.links) if operation.over else {}
        return _page(operation, str(document["operationName"]), _run(operation, document, results), now)

    async def batch(request: web.Request) -> web.Response:
        record = await _find(context, Batch, request)
        document: Mapping[str, Any] = await batches.show(record)
        return _page(record, str(document["batchName"]), _batch(record, document), context.clock())

    async def download(request: web.Request) -> web.Response:
        id_, filename = request.match_info["operationId"], request.match_info["filename"]
        permitted = _is_proof(context, request.match_info["proof"], id_, filename)
        operation = await context.state.get(Operation, id_) if permitted else None
        content = _content(context, operation, filename) if operation else None
        if content is None:
            raise HttpProblem(404, "There is no such file.")
        return attachment(filename, content)

    app.router.add_get("/", _start_page)
    app.router.add_get("/runs/{tenantId}/{projectId}/{id}", run)
    app.router.add_get("/batches/{tenantId}/{projectId}/{id}", batch)
    app.router.add_get("/downloads/{proof}/{operationId}/{filename}", download)


async def _start_page(_request: web.Request) -> web.Response:
    """Show the page that starts operations and watches them: one file, nothing from outside; it asks for the token."""
    return web.Response(text=START_PAGE.read_text("utf-8"), content_type="text/html", headers=PAGE_HEADERS)


async def _find(context: SandboxContext, kind: type[Any], request: web.Request) -> Any:
    ids = request.match_info
    record = await context.state.get(kind, ids["id"])
    if record is None or (record.tenant, record.project) != (ids["tenantId"], ids["projectId"]):
        raise HttpProblem(404, "There is no such page. What is over for long is forgotten.")
    return record


def _page(record: Any, title: str, sections: Iterable[str], now: float) -> web.Response:
    page = RECORD_PAGE.read_text("utf-8").format(
        title=escape(title),
        refresh="" if record.over else REFRESH,
        body="\n".join(f"<section>{section}</section>" for section in sections if section),
        tenant=escape(quote(record.tenant, safe="")),
        project=escape(quote(record.project, safe="")),
        now=_time(texts.iso(now)),
    )
    return web.Response(text=page, content_type="text/html", headers=PAGE_HEADERS)


def _unknown_run(request: web.Request, now: float) -> web.Response:
    ids = request.match_info
    page = RECORD_PAGE.read_text("utf-8").format(
        title=escape(ids["id"]), refresh="", now=_time(texts.iso(now)),
        body=f"<section><h1>{escape(ids['id'])}</h1><p>{UNKNOWN}</p></section>",
        tenant=escape(quote(ids["tenantId"], safe="")), project=escape(quote(ids["projectId"], safe="")),
    )  # fmt: skip
    return web.Response(text=page, content_type="text/html", headers=PAGE_HEADERS)


def _run(operation: Operation, document: Mapping[str, Any], results: Mapping[str, Any]) -> Iterable[str]:
    progress, error = document["progress"], mapping(document.get("error"))
    about = " · ".join(escape(str(document[key])) for key in ("operationType", "priority", "operationId"))
    yield _head(document["operationName"], document["status"], about, progress["percentage"])
    if error:
        yield f"<h2>Error</h2><p>{escape(str(error.get('message', '')))}</p>" + _table([
            ("Code", escape(str(error.get("code", "")))), ("Phase", escape(str(error.get("phase", "")))),
            ("Can be retried", "yes" if error.get("retryable") else "no"),
        ])  # fmt: skip
    execution = document["execution"]
    facts = [("Started", _time(progress["startTime"])), ("Ended", _time(document.get("endTime")))]
    facts += [("Duration", document.get("duration", "")), ("Expected", _expected(operation, progress))]
    facts += [("Records", f"{execution['processedRecords']:,} of {execution['totalRecords']:,}")]
    yield "<h2>Run</h2>" + _table((name, escape(str(value))) for name, value in facts if value) + _part_of(operation)
    yield "<h2>Phases</h2>" + _table(
        (escape(phase["phaseName"]), _status(phase["status"]), escape(str(phase.get("duration", ""))))
        for phase in rows(document["phases"])
    )
    yield _results(results)


def _results(results: Mapping[str, Any]) -> str:
    summary = mapping(results.get("summary"))
    figures = [(name, f"{summary[key]:,}") for key, name in FIGURES.items() if isinstance(summary.get(key), int)]
    files = [
        (
            f'<a href="{escape(file["downloadUrl"])}">{escape(file["name"])}</a>',
            escape(f"{file['format']}, {file['size']}"),
        )
        for file in rows(results.get("artifacts"))
    ]
    advice = "".join(f"<p>{escape(row['recommendation'])}</p>" for row in rows(results.get("recommendations")))
    shown = _table(figures) + (_table(files) if files else "") + advice
    return f"<h2>Results</h2>{shown}" if results.get("success") else ""


def _batch(batch: Batch, document: Mapping[str, Any]) -> Iterable[str]:
    members = rows(document["operations"])
    done = sum(member["status"] in ("Completed", "Failed", "Timeout", "Cancelled") for member in members)
    about = f"Batch · {escape(batch.id)} · {done} of {len(members)} done"
    yield _head(document["batchName"], document["status"], about, 100 * done // max(len(members), 1))
    yield "<h2>Operations</h2>" + _table(
        (_link(batch, "runs", member["operationId"], member["operationName"]), _status(member["status"]))
        for member in members
    )


def _head(name: str, status: str, about: str, percentage: float) -> str:
    bar = f'<progress max="100" value="{percentage}" aria-label="{percentage} %"></progress>'
    return f'<h1>{escape(name)}</h1><p>{_status(status)} · {percentage} %</p>{bar}<p class="about">{about}</p>'


def _status(status: str) -> str:
    return f'<span class="status {escape(status)}">{escape(status)}</span>'


def _part_of(operation: Operation) -> str:
    return (
        f"<p>{_link(operation, 'batches', operation.batch, 'The batch it is part of')}</p>" if operation.batch else ""
    )


def _link(record: Operation | Batch, kind: str, key: str, text: str) -> str:
    address = "/".join(quote(part, safe="") for part in (kind, record.tenant, record.project, key))
    return f'<a href="/{address}">{escape(text)}</a>'


def _expected(operation: Operation, progress: Mapping[str, Any]) -> str:
    return "" if operation.over else _time(progress["estimatedCompletion"])


def _time(iso: object) -> str:
    return str(iso).replace("T", " ").removesuffix("Z") if iso else ""


def _table(lines: Iterable[Row]) -> str:
    cells = (
        "".join(f"<{tag}>{cell}</{tag}>" for tag, cell in zip(("th", "td", "td"), line, strict=False)) for line in lines
    )
    return "<table>" + "".join(f"<tr>{row}</tr>" for row in cells) + "</table>"


def attachment(filename: str, content: bytes) -> web.Response:
    """To be saved, not shown: a report must not run as a page of this server."""
    kind = mimetypes.guess_type(filename)[0] or "application/octet-stream"
    return web.Response(
        body=content, content_type=kind,
        headers=HEADERS | {"Content-Disposition": f'attachment; filename="{filename}"',
                           "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'"},
    )  # fmt: skip


def _is_proof(context: SandboxContext, proof: str, operation: str, filename: str) -> bool:
    try:
        expected = context.links.proof(operation, filename).encode()
    except UnicodeEncodeError:
        return False
    return hmac.compare_digest(proof.encode("utf-8", "surrogateescape"), expected)


def _content(context: SandboxContext, operation: Operation, filename: str) -> bytes | None:
    if filename == outcomes.PARTIAL:
        return outcomes.partial(operation, context.links)
    return outcomes.bundle(operation, context.links).get(filename)
