"""relay serve: how it stops, in one process and in several."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import aiohttp
import pytest
from structlog.testing import capture_logs

from relay.supervisor import Supervisor
from tests.support.commands import Serving
from tests.support.patience import patience
from tests.support.serving import alive, change, embedded, events, pids, started
from tests.support.stage import CONFIG, Surroundings, post
from tests.support.waiting import until

pytestmark = pytest.mark.slow

DRAIN = 20  # seconds, the most that may be configured: more than a stop without one takes, on a busy machine too


async def probe(url: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status


async def test_sigterm_ends_it_with_0_after_what_was_accepted(around: Surroundings) -> None:
    async with Serving(CONFIG, around.env) as serving:
        reply = await post(serving.url, started())

        status = await serving.stop()

    assert (reply.status, status) == (202, 0)
    assert serving.lines[-1]["event"] == "relay.stopped"


async def test_ctrl_c_ends_it_with_0_and_no_traceback(around: Surroundings) -> None:
    async with Serving(CONFIG, around.env) as serving:
        serving.send_signal(signal.SIGINT)

        status = await serving.wait()

    assert status == 0
    assert all("event" in line for line in serving.lines)


@pytest.mark.parametrize("processes", ["1", "2"])
async def test_sigterm_drains_until_a_second_one(around: Surroundings, config: Path, processes: str) -> None:
    change(config, "drain: 0s", f"drain: {DRAIN}s")
    async with Serving(config, around.env, "--processes", processes) as serving:
        await until(lambda: len(events(serving, "relay.started")) == int(processes))

        drained = asyncio.get_running_loop().time() + DRAIN
        serving.send_signal(signal.SIGTERM)
        await until(lambda: len(events(serving, "relay.stopping")) == int(processes))
        taken = await post(serving.url, started())
        probes = [await probe(f"{serving.url}/{name}") for name in ("readyz", "healthz")]
        async with asyncio.timeout_at(drained):
            serving.send_signal(signal.SIGTERM)
            status = await serving.wait()

    assert {line["drain"] for line in events(serving, "relay.stopping")} == {DRAIN}
    assert (taken.status, taken.headers["connection"], probes) == (202, "close", [503, 200])
    assert status == 0
    assert len(events(serving, "relay.stopped")) == int(processes)


async def test_a_drain_ends_by_itself(around: Surroundings, config: Path) -> None:
    change(config, "drain: 0s", "drain: 100ms")
    async with Serving(config, around.env) as serving:
        assert await serving.stop() == 0


@pytest.mark.parametrize("processes", ["1", "2"])
async def test_ctrl_c_does_not_drain(around: Surroundings, config: Path, processes: str) -> None:
    change(config, "drain: 0s", f"drain: {DRAIN}s")
    async with Serving(config, around.env, "--processes", processes) as serving:
        await until(lambda: len(events(serving, "relay.started")) == int(processes))

        serving.send_signal(signal.SIGINT)
        status = await serving.wait()

    assert status == 0
    assert [line["drain"] for line in events(serving, "relay.stopping")] == [0.0] * int(processes)


async def test_one_of_several_that_hears_sigterm_twice_drains_all_the_same(around: Surroundings, config: Path) -> None:
    change(config, "drain: 0s", f"drain: {DRAIN}s")
    async with Serving(config, around.env, "--processes", "2") as serving:
        await until(lambda: len(events(serving, "relay.started")) == 2)

        serving.send_signal(signal.SIGTERM)
        await until(lambda: len(events(serving, "relay.stopping")) == 2)
        for pid in pids(serving, "process.started"):  # as systemd does, to everything in its group
            os.kill(pid, signal.SIGTERM)
        taken = [await post(serving.url, started(operationId=f"op-{number}")) for number in range(8)]
        stopped = events(serving, "relay.stopped")
        serving.send_signal(signal.SIGINT)
        await serving.wait()

    assert {reply.status for reply in taken} == {202}
    assert stopped == []


async def test_the_private_redis_ends_after_the_processes_that_drain(
    around: Surroundings, config: Path, data_dir: str
) -> None:
    change(config, "drain: 0s", "drain: 1s")
    async with Serving(config, embedded(around, data_dir), "--processes", "2") as serving:
        await until(lambda: len(events(serving, "relay.started")) == 2)

        status = await serving.stop()

    assert status == 0
    order = [line["event"] for line in serving.lines if line.get("event") in ("relay.stopped", "redis.stopped")]
    assert order == ["relay.stopped", "relay.stopped", "redis.stopped"]


async def test_a_process_that_does_not_end_is_killed(around: Surroundings) -> None:
    processes = Supervisor(CONFIG, {**os.environ, **around.env}, role="all", count=2, patience=0.5)
    with capture_logs() as lines:
        running = asyncio.create_task(processes.run())
        await until(lambda: [line["event"] for line in lines].count("process.started") == 2)
        stuck = next(line["pid"] for line in lines if line["event"] == "process.started")
        os.kill(stuck, signal.SIGSTOP)
        await until(lambda: os.waitpid(stuck, os.WUNTRACED | os.WNOHANG)[0])  # from now on it hears nothing

        processes.drain()
        await asyncio.wait_for(running, patience())

    assert stuck in [line["pid"] for line in lines if line["event"] == "process.killed"]
    assert not alive(stuck)


async def test_processes_that_have_just_begun_end_at_once_also_where_a_script_had_them_ignore_ctrl_c(
    around: Surroundings,
) -> None:
    ignored = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        processes = Supervisor(CONFIG, {**os.environ, **around.env}, role="all", count=2)
        with capture_logs() as lines:
            running = asyncio.create_task(processes.run())
            await until(lambda: [line["event"] for line in lines].count("process.started") == 2)
            processes.stop()
            await asyncio.wait_for(running, 60)
    finally:
        signal.signal(signal.SIGINT, ignored)

    assert "process.killed" not in [line["event"] for line in lines]


async def test_one_that_dies_before_it_serves_is_started_again(around: Surroundings, tmp_path: Path) -> None:
    once, python = tmp_path / "once", tmp_path / "python"
    python.write_text(f'#!/bin/sh\nmkdir {once} 2> /dev/null && kill -KILL $$\nexec {sys.executable} "$@"\n', "utf-8")
    python.chmod(0o755)
    processes = Supervisor(CONFIG, {**os.environ, **around.env}, role="all", count=2)
    processes.python = str(python)
    with capture_logs() as lines:
        running = asyncio.create_task(processes.run())
        await until(lambda: [line["event"] for line in lines].count("process.started") == 2)
        processes.stop()
        await asyncio.wait_for(running, patience())

    ended = [line for line in lines if line["event"] == "process.ended"]
    assert [line["status"] for line in ended] == [-signal.SIGKILL]


async def test_a_process_that_cannot_be_started_is_tried_again_and_the_others_go_on(around: Surroundings) -> None:
    processes = Supervisor(CONFIG, {**os.environ, **around.env}, role="all", count=2)
    with capture_logs() as lines:
        running = asyncio.create_task(processes.run())
        await until(lambda: [line["event"] for line in lines].count("process.started") == 2)
        first, second = (line["pid"] for line in lines if line["event"] == "process.started")
        processes.python = "/nonexistent/python"
        os.kill(first, signal.SIGKILL)
        await until(lambda: "process.not_started" in [line["event"] for line in lines])
        lives = alive(second) and not running.done()
        processes.python = sys.executable
        await until(lambda: [line["event"] for line in lines].count("process.started") == 3)
        processes.stop()
        await asyncio.wait_for(running, 30)

    assert lives
