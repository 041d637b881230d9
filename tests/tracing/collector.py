"""A collector of traces: it takes what an exporter sends by OTLP over HTTP, and shows the spans."""

import asyncio
import gzip
from collections.abc import Callable
from typing import Any, Self

from aiohttp import web

from tests.support.patience import patience


class Collector:
    """`async with Collector() as collector`; `spans` are those of protobuf, with attributes as a dictionary."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.spans: list[dict[str, Any]] = []
        self.requests = 0
        self._grown = asyncio.Condition()

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.add_routes([web.post("/v1/traces", self._take)])
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @property
    def env(self) -> dict[str, str]:
        """Return what leads a relay here; it sends at once."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": self.url, "OTEL_BSP_SCHEDULE_DELAY": "10"}

    async def wait_for(self, holds: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
        """The spans, once this holds of them."""
        async with asyncio.timeout(patience()), self._grown:
            await self._grown.wait_for(lambda: holds(self.spans))
        return self.spans

    async def _take(self, request: web.Request) -> web.Response:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        body = await request.read()
        if request.headers.get("Content-Encoding") == "gzip" and body[:2] == b"\x1f\x8b":
            body = gzip.decompress(body)
        export = ExportTraceServiceRequest.FromString(body)
        async with self._grown:
            self.requests += 1
            if self.status == 200:
                self.spans += [_shown(span, group.resource) for group in export.resource_spans
                               for scope in group.scope_spans for span in scope.spans]  # fmt: skip
            self._grown.notify_all()
        return web.Response(status=self.status, content_type="application/x-protobuf")


def _shown(span: Any, resource: Any) -> dict[str, Any]:
    return {
        "name": span.name,
        "trace": span.trace_id.hex(),
        "id": span.span_id.hex(),
        "parent": span.parent_span_id.hex(),
        "seconds": (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
        "failed": span.status.code == 2,
        "service": _values(resource.attributes).get("service.name"),
        **_values(span.attributes),
    }


def _values(attributes: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in attributes}
