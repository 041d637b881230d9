"""relay serve: how it starts, refuses, reloads and stops."""

import asyncio
import contextlib
import os
import re
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from tests.cli.serving import change, embedded, events, started
from tests.support.commands import Serving, relay
from tests.support.patience import patience
from tests.support.sender import read_reply
from tests.support.stage import CONFIG, Surroundings, post
from tests.support.waiting import until

pytestmark = pytest.mark.slow

AS_TEXT = ("--log-format", "text")
ANALYSIS = "op-ff0e8400-e29b-41d4-a716-446655440000"


@contextlib.asynccontextmanager
async def connection(url: str) -> AsyncIterator[Callable[[], Awaitable[int]]]:
    """One connection that stays; each call asks on it, and returns the status, or 0 if it is closed."""
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)

    async def ask() -> int:
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: relay\r\n\r\n")
        return (await read_reply(reader)).status

    yield ask
    writer.transport.abort()


@pytest.mark.parametrize(("section", "variable"), [("server", "RELAY_PORT"), ("server.admin", "RELAY_ADMIN_PORT")])
async def test_a_port_that_is_taken_is_said_in_one_line(around: Surroundings, section: str, variable: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        env = {**around.env, "RELAY_PORT": "0", "RELAY_ADMIN_PORT": "0", variable: f"{taken}"}
        done = await relay("serve", "-c", CONFIG, *AS_TEXT, env=env)

    assert done.status == 1
    assert done.err.splitlines()[-1] == (
        f"relay cannot serve on 127.0.0.1:{taken}: it is taken; stop what listens there, "
        f"or choose another port ({section}.port, {variable})"
    )
    assert "Traceback" not in done.err


async def test_sighup_while_it_starts_does_not_end_it(around: Surroundings, config: Path, tmp_path: Path) -> None:
    slow = tmp_path / "slow.yaml"
    os.mkfifo(slow)

    def opened() -> int | None:
        with contextlib.suppress(OSError):  # until relay reads there
            return os.open(slow, os.O_WRONLY | os.O_NONBLOCK)
        return None

    text = await asyncio.to_thread(config.read_bytes)
    serving = Serving(slow, around.env)
    starting = asyncio.create_task(serving.start())
    file = await until(opened)
    serving.send_signal(signal.SIGHUP)
    os.write(file, text)
    os.close(file)
    await starting

    assert await serving.stop() == 0


async def test_the_private_redis_serves_from_the_webhook_to_the_commands(around: Surroundings, data_dir: str) -> None:
    env = embedded(around, data_dir)
    async with Serving(CONFIG, env) as serving:
        await post(serving.url, started())
        await around.messages("#room", lambda messages: len(messages) == 1)
        async with asyncio.timeout(patience()):
            while (
                "delivered" not in (explained := await relay("explain", ANALYSIS, "-c", CONFIG, "--json", env=env)).out
            ):
                assert explained.status == 0

        listed = await relay("dead", "list", "-c", CONFIG, env=env)
        second = await relay("serve", "-c", CONFIG, *AS_TEXT, env=env)

        assert listed.out == "Nothing is dead, nothing is quarantined.\n"
        assert second.status == 1
        last = second.err.splitlines()[-1]  # below what the file is warned of
        assert re.match(rf"relay runs already as PID \d+ on {data_dir}: stop that one first", last)
    assert serving.lines[-1]["event"] == "relay.stopped"


async def test_two_relays_share_a_port_and_one_that_dies_leaves_the_other(around: Surroundings, config: Path) -> None:
    change(config, "drain: 0s", "drain: 0s, reuse_port: true")
    async with Serving(config, around.env) as first:
        env = {**around.env, "RELAY_PORT": f"{urlsplit(first.url).port}", "RELAY_ADMIN_PORT": "0"}
        async with Serving(config, env) as second, contextlib.AsyncExitStack() as stack:
            assert second.url == first.url
            connections = [await stack.enter_async_context(connection(first.url)) for _ in range(40)]
            assert {await ask() for ask in connections} == {200}

            await first.kill()

            assert {await ask() for ask in connections} == {200, 0}  # 0: it was the first one's
            assert (await post(second.url, started())).status == 202
            assert await around.messages("#room", lambda messages: len(messages) == 1)
            assert await second.stop() == 0


DRAIN = 20  # seconds, the most that may be configured: more than a stop without one takes, on a busy machine too


async def test_sigterm_drains_until_a_second_one(around: Surroundings, config: Path) -> None:
    change(config, "drain: 0s", f"drain: {DRAIN}s")
    async with Serving(config, around.env) as serving:
        await until(lambda: len(events(serving, "relay.started")) == 1)

        drained = asyncio.get_running_loop().time() + DRAIN
        serving.send_signal(signal.SIGTERM)
        await until(lambda: len(events(serving, "relay.stopping")) == 1)
        taken = await post(serving.url, started())
        async with aiohttp.ClientSession() as session:
            probes = [(await session.get(f"{serving.url}/{name}")).status for name in ("readyz", "healthz")]
        async with asyncio.timeout_at(drained):
            serving.send_signal(signal.SIGTERM)
            status = await serving.wait()

    assert {line["drain"] for line in events(serving, "relay.stopping")} == {DRAIN}
    assert (taken.status, taken.headers["connection"], probes) == (202, "close", [503, 200])
    assert status == 0
    assert len(events(serving, "relay.stopped")) == 1
