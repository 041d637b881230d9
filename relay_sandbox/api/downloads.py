"""Artifacts to download: whoever has the address may have the file, for the address proves that it came from here."""

import hmac
import mimetypes

from aiohttp import web

from relay.receiving.problems import HEADERS, HttpProblem
from relay_sandbox.context import SandboxContext
from relay_sandbox.simulation import outcomes
from relay_sandbox.storage.records import Operation


def add(app: web.Application, context: SandboxContext) -> None:
    async def download(request: web.Request) -> web.Response:
        id_, filename = request.match_info["operationId"], request.match_info["filename"]
        permitted = _is_proof(context, request.match_info["proof"], id_, filename)
        operation = await context.state.get(Operation, id_) if permitted else None
        content = await _content(context, operation, filename) if operation else None
        if content is None:
            raise HttpProblem(404, "There is no such file.")
        return attachment(filename, content)

    app.router.add_get("/downloads/{proof}/{operationId}/{filename}", download)


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


async def _content(context: SandboxContext, operation: Operation, filename: str) -> bytes | None:
    if filename == outcomes.PARTIAL:
        return outcomes.partial(operation, context.links)
    stored = await context.state.files(operation.id)
    return outcomes.bundle(operation, context.links, stored).get(filename)
