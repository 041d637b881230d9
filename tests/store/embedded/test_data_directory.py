"""The data directory: one relay owns it, and nobody else gets at it."""

import fcntl
import os
import signal
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from relay.errors import EmbeddedRedisError
from relay.store.embedded.server import EmbeddedRedis, running_url
from tests.support.embedded import OUTLIVES_ITS_PARENT, SERVER, client, modes, pid_of, relay_process, restarted, written

pytestmark = pytest.mark.slow


async def test_a_second_relay_is_refused_and_told_by_whom(data_dir: Path) -> None:
    async with EmbeddedRedis(data_dir) as server, client(server.url) as redis:
        with pytest.raises(EmbeddedRedisError) as refusal:
            await EmbeddedRedis(data_dir).start()

        assert f"as PID {os.getpid()} on {data_dir}" in str(refusal.value)
        assert "RELAY_DATA_DIR" in str(refusal.value)
        assert await redis.ping()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the server stays until the next relay ends it")
def test_a_killed_relay_takes_its_server_along(data_dir: Path) -> None:
    with relay_process(data_dir) as (relay, _), (data_dir / "redis.lock").open() as lock:
        relay.kill()

        fcntl.flock(lock, fcntl.LOCK_EX)  # waits until the server, which holds it too, has ended


async def test_a_server_that_outlived_its_relay_is_taken_over_with_its_data(home: Path, data_dir: Path) -> None:
    script = OUTLIVES_ITS_PARENT.format(python=sys.executable, server=str(SERVER))
    with relay_process(data_dir, written(home / "redis-server", script)) as (relay, orphan):
        url = await running_url(data_dir)
        assert url
        async with client(url) as redis:
            await redis.set("key", "value")
            relay.kill()
            relay.wait()
            assert (await redis.info("server"))["process_id"] == orphan

        with capture_logs() as logs:
            async with EmbeddedRedis(data_dir) as server, client(server.url) as redis:
                assert await redis.get("key") == "value"
                assert server.pid != orphan

    assert {"event": "redis.orphan_found", "pid": orphan, "relay_pid": relay.pid}.items() <= logs[0].items()


async def test_an_orphan_that_does_not_end_is_named_and_its_data_left_alone(home: Path, data_dir: Path) -> None:
    script = OUTLIVES_ITS_PARENT.format(python=sys.executable, server=str(SERVER))
    with relay_process(data_dir, written(home / "redis-server", script)) as (relay, orphan):
        os.kill(orphan, signal.SIGSTOP)
        relay.kill()
        relay.wait()

        with pytest.raises(EmbeddedRedisError, match=rf"PID {orphan}\).*still holds {data_dir}"):
            await EmbeddedRedis(data_dir, stop_timeout=0.1).start()


async def test_only_its_user_gets_at_the_directory_and_the_socket(data_dir: Path) -> None:
    data_dir.mkdir(mode=0o755)  # noqa: ASYNC240
    async with EmbeddedRedis(data_dir):
        found = modes(data_dir)
        kept = modes(data_dir / "appendonlydir")  # the events themselves

    assert {name: mode & 0o077 for name, mode in kept.items()} == dict.fromkeys(kept, 0)
    assert found["data"] == 0o700
    assert found["redis.sock"] == 0o700
    assert found["relay.lock"] == found["redis.lock"] == found["redis.log"] == 0o600
    assert found["appendonlydir"] == 0o700
    assert {mode for name, mode in modes(data_dir / "appendonlydir").items() if name != "appendonlydir"} == {0o600}


async def test_any_characters_may_be_in_the_path(home: Path) -> None:
    data_dir = home / "Täglich, \"50%\" #1? 'neu' \\n"

    async with EmbeddedRedis(data_dir) as server, client(server.url) as redis:
        assert await redis.ping()
        assert await running_url(data_dir) == server.url


async def test_a_path_too_long_for_a_socket_is_refused(home: Path) -> None:
    data_dir = home / ("long" * 30)

    with pytest.raises(EmbeddedRedisError, match=f"too long for a socket: move {data_dir} to a shorter path"):
        await EmbeddedRedis(data_dir).start()

    assert not data_dir.exists()


async def test_other_commands_find_the_running_server(data_dir: Path) -> None:
    assert await running_url(data_dir) is None

    async with EmbeddedRedis(data_dir) as server:
        assert await running_url(data_dir) == server.url
        killed = pid_of(server)
        os.kill(killed, signal.SIGKILL)
        await restarted(server, killed)
        assert await running_url(data_dir) == server.url

    assert await running_url(data_dir) is None
