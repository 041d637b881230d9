"""The proxies of deploy/: each finds its file right, and lets through to relay what is for the world, no more."""

import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.deploy.proxies import CLIENT, KINDS, Proxy, checked, proxy
from tests.support.commands import ROOT
from tests.support.events import body
from tests.support.redis_server import RedisServer
from tests.support.running import RunningRelay
from tests.support.sender import Sender
from tests.support.stage import CONFIG, SECRET, TOKEN, surroundings
from tests.support.waiting import until

pytestmark = pytest.mark.slow

SEAL = "c2VhbA.b2YtYS1yZWFkZXI"  # of an unsubscribe link
INSIDE = (
    "/metrics", "/openapi.json", "/webhooks/../metrics", "/webhooks/%2e%2e/metrics", "/unsubscribe/..%2fmetrics",
    "//metrics", "/healthz/../metrics", "/readyz/../openapi.json", "/METRICS", "/",
)  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_the_proxy_itself_finds_its_file_right(name: str) -> None:
    done = checked(name)

    assert done.returncode == 0, done.stderr
    assert "warn" not in (done.stdout + done.stderr).lower().replace('"level":"warn"', "")


@asynccontextmanager
async def relay_behind(name: str, redis: RedisServer, folder: Path) -> AsyncIterator[tuple[Proxy, RunningRelay]]:
    """Both, and relay believes the proxy who it speaks for, as docs/reverse-proxies.md has it."""
    [proxies] = re.findall(r"trusted_proxies: \[[\d./]+\]", (ROOT / "docs/reverse-proxies.md").read_text("utf-8"))
    config = folder / "relay.yaml"
    config.write_text(CONFIG.read_text("utf-8").replace("drain: 0s}", f"drain: 0s, {proxies}}}"), "utf-8")
    async with (
        surroundings(redis.url) as around,
        RunningRelay(config, around.env) as relay,
        proxy(name, urlsplit(relay.url).netloc) as front,
    ):
        yield front, relay


@pytest.mark.soak
@pytest.mark.parametrize("name", KINDS)
async def test_an_event_passes_and_nothing_that_is_for_operators(
    name: str, redis_server: RedisServer, tmp_path: Path
) -> None:
    event = json.dumps(body("operation.completed", 100, status="Completed")).encode()
    signed = {"Content-Type": "application/json", **Sender("", secret=SECRET, clock=time.time).sign(event)}
    large = b" " * (1024 * 1024 + 1)

    async with relay_behind(name, redis_server, tmp_path) as (front, relay):
        taken, refused, too_large = [
            (await front.ask("/webhooks/async-operations", "POST", sent, X_Forwarded_For="203.0.113.9", **signed))[0]
            for sent in (event, event + b" ", large)
        ]
        probes = [(await front.ask(path))[::2] for path in ("/healthz", "/readyz")]
        passed = [await front.ask(f"/webhooks/progress?token={TOKEN}"), await front.ask(f"/unsubscribe/{SEAL}")]
        inside = {path: await front.ask(path) for path in INSIDE}
        verbose = await front.ask("/readyz?verbose")
        await until(lambda: front.logged().count(" /unsubscribe/-") or '"/unsubscribe/-"' in front.logged())
        logged = front.logged()

    assert (taken, refused, too_large) == (202, 401, 413)
    assert [line["peer"] for line in relay.lines if line.get("event") == "event.refused"][:1] == [CLIENT]
    assert probes == [(200, True)] * 2
    assert [by_relay for *_, by_relay in passed] == [True] * 2
    assert [path for path, (status, _, _) in inside.items() if status < 400] == []
    assert [path for path, (_, text, _) in inside.items() if "relay_" in text or '"paths"' in text] == []
    assert "verbose" not in verbose[1]
    assert TOKEN not in logged
    assert SEAL not in logged
