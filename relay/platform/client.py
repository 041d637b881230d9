"""Client of the Async Operations API: one method for each call, and errors that name the call.

A call is repeated only where a repetition cannot do anything twice: what reads, and whatever never left.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import KW_ONLY, dataclass
from datetime import datetime
from typing import Any, Self, TypeVar
from urllib.parse import quote, urlsplit

import aiohttp
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from relay.errors import PlatformError
from relay.platform import models

Answer = TypeVar("Answer", bound=BaseModel)

TIMEOUT = 10.0  # seconds for one try
TRIES = 3
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0  # seconds between two tries; it doubles
PAGE_SIZE = 100  # the API's most
MAX_ANSWER = 16 * 2**20  # bytes
BUSY = frozenset({429, 502, 503, 504})
SAFE = frozenset({"GET"})
_DOT_SEGMENT = re.compile(r"(?:^|[/\\])\.\.?(?:[/\\]|$)")


@dataclass(eq=False, repr=False)
class OperationsClient:
    """Operations of one project, used by `async with`. Every method raises PlatformError with the platform's reason."""

    base_url: str
    _: KW_ONLY
    tenant: str
    project: str
    token: str = ""
    timeout: float = TIMEOUT
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    _session: aiohttp.ClientSession | None = None

    def __post_init__(self) -> None:
        self._root = f"{self.base_url.rstrip('/')}/api/{_segment(self.tenant)}/{_segment(self.project)}/async"
        try:
            self._path = urlsplit(self._root).path
        except ValueError:
            raise PlatformError(f"{self.base_url}: expected an address such as https://api.example.com") from None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        if self._session:
            await self._session.close()

    async def start(self, request: models.StartOperation) -> models.Started:
        return await self._call(models.Started, "POST", "/operation", body=request.sent())

    async def status(self, operation: str) -> models.Operation:
        return await self._call(models.Operation, "GET", f"/operation/{_segment(operation)}")

    async def operations(
        self, *, status: str = "", date_from: datetime | None = None, page: int = 1, page_size: int = 20
    ) -> models.Page:
        """Return one page; `all_operations` walks through them."""
        query = {
            "status": status,
            "dateFrom": date_from.isoformat() if date_from else "",
            "page": str(page),
            "pageSize": str(page_size),
        }
        return await self._call(models.Page, "GET", "/operations", query=query)

    async def all_operations(self, *, pages: int = 50, **filters: Any) -> AsyncIterator[models.Operation]:
        """Yield every operation that the filters of `operations` let through, at most so many pages of them."""
        for number in range(1, pages + 1):
            page = await self.operations(page=number, page_size=PAGE_SIZE, **filters)
            for operation in page.operations:
                yield operation
            if not page.has_next_page:
                return

    async def cancel(self, operation: str, *, reason: str = "", force_termination: bool = False) -> models.Cancelled:
        body = {
            **({"reason": reason} if reason else {}),
            "preservePartialResults": True, "forceTermination": force_termination, "notifyCallbacks": True,
        }  # fmt: skip
        return await self._call(models.Cancelled, "DELETE", f"/operation/{_segment(operation)}", body=body)

    async def results(self, operation: str) -> models.Results:
        """PlatformError with status 409 until the operation has finished."""
        query = {"format": "summary", "includeArtifacts": "true"}
        return await self._call(models.Results, "GET", f"/operation/{_segment(operation)}/results", query=query)

    async def retry(self, operation: str, request: models.RetryOperation | None = None) -> models.Retried:
        body = (request or models.RetryOperation(retry_mode="resume")).sent()
        return await self._call(models.Retried, "POST", f"/operation/{_segment(operation)}/retry", body=body)

    async def register_webhook(self, request: models.RegisterWebhook) -> models.Webhook:
        return await self._call(models.Webhook, "POST", "/webhooks", body=request.sent())

    async def webhooks(self) -> list[models.Webhook]:
        document = await self._request("GET", "/webhooks")
        rows = document.get("webhooks") if isinstance(document, Mapping) else document
        return [_read(models.Webhook, row, "GET /webhooks") for row in rows or ()]

    async def delete_webhook(self, webhook: str) -> None:
        await self._request("DELETE", f"/webhooks/{_segment(webhook)}")

    async def submit_batch(self, request: models.SubmitBatch) -> models.Batch:
        return await self._call(models.Batch, "POST", "/batch", body=request.sent())

    async def batch(self, batch: str) -> models.Batch:
        return await self._call(models.Batch, "GET", f"/batch/{_segment(batch)}")

    async def _call(self, kind: type[Answer], method: str, path: str, **request: Any) -> Answer:
        return _read(kind, await self._request(method, path, **request), f"{method} {path}")

    async def _request(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: Mapping[str, Any] | None = None
    ) -> Any:
        pause = FIRST_PAUSE
        for left in reversed(range(TRIES)):
            try:
                return await self._try(method, path, query or {}, body)
            except PlatformError as error:
                if not left or not (error.unsent or (method in SAFE and error.temporary)):
                    raise
                await self.sleep(min(error.retry_after or pause, LONGEST_PAUSE))
                pause *= 2
        raise AssertionError("unreachable")

    async def _try(self, method: str, path: str, query: Mapping[str, str], body: Mapping[str, Any] | None) -> Any:
        call = f"{method} {self._path}{path}"
        if self._session is None:
            headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(self.timeout), headers=headers)
        parameters = {key: value for key, value in query.items() if value}
        try:
            async with self._session.request(
                method, f"{self._root}{path}", params=parameters, json=body, allow_redirects=False
            ) as response:
                answer = await response.content.read(MAX_ANSWER + 1)
                while not response.content.at_eof() and len(answer) <= MAX_ANSWER:
                    answer += await response.content.read(MAX_ANSWER + 1 - len(answer))
        except TimeoutError:
            raise PlatformError(f"{call}: no answer within {self.timeout:g} s", temporary=True) from None
        except aiohttp.ClientConnectorError as error:
            raise PlatformError(f"{call}: cannot be reached: {error.os_error}", temporary=True, unsent=True) from None
        except (aiohttp.ClientError, OSError) as error:
            raise PlatformError(f"{call}: {error or type(error).__name__}", temporary=True) from None
        except ValueError as error:  # an address or a token that no request can be made with
            raise PlatformError(f"{call}: cannot be asked: {error}") from None
        if len(answer) > MAX_ANSWER:
            raise PlatformError(f"{call}: an answer of more than {MAX_ANSWER >> 20} MiB", status=response.status)
        if response.status == 204:
            return {}
        document = _decoded(answer)
        if response.status >= 300 or document is None:
            raise PlatformError(
                f"{call}: {response.status} {response.reason}{_why(document, self.token)}",
                status=response.status,
                temporary=response.status in BUSY,
                retry_after=float(seconds) if (seconds := response.headers.get("Retry-After", "")).isdigit() else None,
            )
        return document


def _segment(name: str) -> str:
    """Return an id as one segment of a path. PlatformError for dot segments: clients and proxies resolve these, also
    percent-encoded, and the token would go to another address."""
    if _DOT_SEGMENT.search(name):
        raise PlatformError(f"{name[:100]!r}: expected an id without '.' and '..' between slashes", status=400)
    return quote(name, safe="")


def _read(kind: type[Answer], document: Any, call: str) -> Answer:
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc'])) or 'body'}: {fault['msg']}" for fault in error.errors())
        raise PlatformError(f"{call}: not the documented answer: {faults[:500]}", status=200) from None


def _decoded(answer: bytes) -> Any:
    """Read the answer; None for what is no JSON that every reader accepts."""
    try:
        return from_json(answer)
    except ValueError:
        return None


def _why(document: Any, token: str) -> str:
    """Return the platform's reason of a refusal in one line, without our token, should it repeat the request."""
    if not isinstance(document, Mapping):
        return ""
    reason = next((document[key] for key in ("detail", "message", "error", "title") if document.get(key)), "")
    text = str(reason).replace(token, "…") if token else str(reason)
    return f": {' '.join(text.split())[:300]}" if reason else ""
