"""Refusals as application/problem+json (RFC 9457)."""

import json
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from relay import metrics
from relay.errors import RelayError
from relay.log_lines import RateLimitedLog, location_of

log = structlog.get_logger(__name__)

RETRY_AFTER = 5  # seconds that a sender should wait when the fault is ours
UNEXPECTED = "relay could not handle the request. Send it again."
HEADERS = {"Server": "relay", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}


class HttpProblem(RelayError):
    """Refusal of a request; `options` are those of `problem`."""

    def __init__(self, status: int, detail: str = "", **options: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.response = problem(status, detail, **options)


def problem(
    status: int,
    detail: str = "",
    *,
    headers: Mapping[str, str] | None = None,
    close: bool = False,
    **members: str,
) -> web.Response:
    """Return a problem document (RFC 9457); a 503 has Retry-After. `close`: the connection cannot go on."""
    document: dict[str, Any] = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    if detail:
        document["detail"] = detail
    response = web.Response(
        status=status,
        body=json.dumps(document | members, ensure_ascii=False).encode(),
        content_type="application/problem+json",
        headers=HEADERS | ({"Retry-After": f"{RETRY_AFTER}"} if status == 503 else {}) | dict(headers or {}),
    )
    if close:
        response.force_close()
    return response


def answering(clock: Callable[[], float] = time.monotonic) -> Middleware:
    """Return a middleware that makes every error a problem document; an unexpected one is a 503, to be sent again."""
    lines = RateLimitedLog(clock)

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except HttpProblem as refused:
            return refused.response
        except web.HTTPException as error:
            if error.status < 400:
                raise
            return problem(
                error.status, headers={name: error.headers[name] for name in ("Allow",) if name in error.headers}
            )
        except Exception as error:  # noqa: BLE001 - a fault of ours must not become the sender's
            failed(lines, error)
            return problem(503, UNEXPECTED)

    return answer


def failed(lines: RateLimitedLog, error: Exception) -> None:
    """Count and log a fault of ours."""
    metrics.unexpected_errors.inc()
    where = location_of(error)
    lines.error(log, "request.failed", where, error=type(error).__name__, place=where)
