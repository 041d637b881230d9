"""A scripted platform: answers what a test lays out, in order, and remembers what it was asked."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer


@dataclass
class Asked:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class ScriptedPlatform:
    """`answers` maps "METHOD path" to a list of (status, document[, headers]); the last one is given again."""

    answers: dict[str, list[Any]]
    asked: list[Asked] = field(default_factory=list)
    url: str = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        self.asked.append(
            Asked(request.method, request.path, dict(request.query), dict(request.headers), json.loads(raw or b"null"))
        )
        rows = self.answers[f"{request.method} {request.path}"]
        status, document, *headers = rows.pop(0) if len(rows) > 1 else rows[0]
        text = document if isinstance(document, str) else json.dumps(document)
        return web.Response(status=status, text=text, headers=headers[0] if headers else None)


@asynccontextmanager
async def scripted_platform(answers: dict[str, list[Any]]) -> AsyncIterator[ScriptedPlatform]:
    platform = ScriptedPlatform(answers)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", platform.answer)
    async with TestServer(app) as server:
        platform.url = str(server.make_url("/")).rstrip("/")
        yield platform
