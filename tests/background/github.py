"""GitHub's record of a webhook's deliveries: it lists them, newest first, and sends one again when it is asked."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.support.sender import Sender
from tests.support.stage import SECRET

TOKEN = "github_pat_7Qm2x9LrTzW4cEhs"
HOOK = "/repos/acme/shop/hooks/7"
SHOWN = 2  # on a page


@dataclass
class GitHubStandin:
    """`asked` are the ids of the attempts that shall be repeated."""

    asked: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)  # the target's answers
    url: str = ""
    _rows: list[dict[str, Any]] = field(default_factory=list)
    _sent: dict[str, Any] = field(default_factory=dict)
    _target: "asyncio.Future[str]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    _sending: set[asyncio.Task[None]] = field(default_factory=set)

    def lead_to(self, target: str) -> None:
        """Give the webhook its address; what is to be sent waits for it."""
        self._target.set_result(target)

    def record(self, guid: str, document: Any, code: int, *, ago: timedelta = timedelta(hours=1)) -> None:
        self._sent[guid] = document
        status = "OK" if 200 <= code < 300 else "failed to connect" if code == 0 else "Invalid HTTP Response"
        at = (datetime.now(UTC) - ago).isoformat().replace("+00:00", "Z")
        row = {"id": len(self._rows) + 1, "guid": guid, "delivered_at": at, "status": status, "status_code": code}
        self._rows.insert(0, row | {"event": "workflow_run", "installation_id": None})

    async def deliveries(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.json_response({"message": "Not Found"}, status=404)
        start = int(request.query.get("cursor", "0"))
        following = f"https://elsewhere.example.com{HOOK}/deliveries?cursor={start + SHOWN}"
        more = {"Link": f'<{following}>; rel="next"'} if start + SHOWN < len(self._rows) else {}
        return web.json_response(self._rows[start : start + SHOWN], headers=more)

    async def attempt(self, request: web.Request) -> web.Response:
        self.asked.append(int(request.match_info["id"]))
        guid = next(row["guid"] for row in self._rows if row["id"] == self.asked[-1])
        task = asyncio.create_task(self._send(guid))
        self._sending.add(task)
        return web.json_response({}, status=202)

    async def _send(self, guid: str) -> None:
        sender = Sender(await self._target, secret=SECRET, scheme="github", clock=time.time)
        reply = await sender.post(self._sent[guid], headers=[("X-GitHub-Delivery", guid)])
        self.statuses.append(reply.status)
        self.record(guid, self._sent[guid], reply.status, ago=timedelta())

    async def arrived(self) -> None:
        await asyncio.gather(*self._sending)


@asynccontextmanager
async def github() -> AsyncIterator[GitHubStandin]:
    standin = GitHubStandin()
    app = web.Application()
    app.router.add_get(f"{HOOK}/deliveries", standin.deliveries)
    app.router.add_post(f"{HOOK}/deliveries/{{id}}/attempts", standin.attempt)
    async with TestServer(app) as server:
        standin.url = str(server.make_url(HOOK))
        yield standin
        await standin.arrived()
