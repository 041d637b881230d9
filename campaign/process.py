"""`relay serve` as a process whose log is a file, and the platform that it asks."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from campaign.configuration import Configuration
from campaign.public_keys import PUBLISHED
from relay.store.embedded.launch import ends_with_parent
from tests.support.patience import patience
from tests.support.waiting import until

FAREWELL = 35.0  # seconds; relay promises 30


@asynccontextmanager
async def serving(
    directory: Path, configured: Configuration
) -> AsyncIterator[tuple[asyncio.subprocess.Process, dict[str, Any]]]:
    """The process, and its line that it listens."""
    log = directory / "relay.log"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("RELAY_")}
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "relay", "serve", "-c", directory / "relay.yaml",
            "--log-format", "json", "--log-level", "debug",
            env={**inherited, **configured.env}, stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=out,
            preexec_fn=ends_with_parent(),
        )  # fmt: skip
    try:

        def started() -> dict[str, Any] | None:
            if process.returncode is not None:
                raise RuntimeError(f"relay did not start: {log.read_text(errors='replace')[-2000:]}")
            return next((line for line in lines_of(log) if line.get("event") == "relay.started"), None)

        yield process, await until(started)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), patience(FAREWELL))
            except TimeoutError:
                process.kill()
                await process.wait()


def lines_of(log: Path) -> list[dict[str, Any]]:
    """The lines that are whole; one that is no JSON object as its text."""
    found: list[dict[str, Any]] = []
    for raw in log.read_bytes().split(b"\n")[:-1]:
        try:
            line = json.loads(raw)
        except ValueError:
            line = None
        found.append(line if isinstance(line, dict) else {"text": raw.decode(errors="replace")})
    return found


@asynccontextmanager
async def platform() -> AsyncIterator[str]:
    """A platform that repeats in each answer what it was sent, its token as well. It is an issuer of tokens, too."""

    async def repeat(request: web.Request) -> web.Response:
        return web.json_response({"error": {"message": f"{dict(request.headers)}"}}, status=500)

    async def keys(_request: web.Request) -> web.Response:
        return web.Response(body=PUBLISHED)

    app = web.Application()
    app.router.add_get("/keys", keys)
    app.router.add_route("*", "/{path:.*}", repeat)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


def memory(pid: int) -> float:
    """MB that a process has just now."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise LookupError(pid)
