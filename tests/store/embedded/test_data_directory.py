"""The data directory: one relay owns it, and nobody else gets at it."""

import fcntl
import os
import signal
import sys
import tempfile
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from relay.errors import EmbeddedRedisError
from relay.store.embedded.data_directory import DataDirectory
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


async def test_a_path_too_long_for_a_socket_gets_a_private_place_elsewhere(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(home))
    data_dir = home / ("long" * 30)
    server = EmbeddedRedis(data_dir)

    async with server, client(server.url) as redis:
        assert await redis.ping()
        (place,) = (name for name in modes(home) if name.startswith(f"relay-{os.getuid()}-"))
        assert modes(home / place) == {place: 0o700, "redis.sock": 0o700}
        assert await running_url(data_dir) == server.url

    assert place not in modes(home)


async def test_other_commands_find_the_running_server(data_dir: Path) -> None:
    assert await running_url(data_dir) is None

    async with EmbeddedRedis(data_dir) as server:
        assert await running_url(data_dir) == server.url
        killed = pid_of(server)
        os.kill(killed, signal.SIGKILL)
        await restarted(server, killed)
        assert await running_url(data_dir) == server.url

    assert await running_url(data_dir) is None


async def test_a_socket_directory_that_others_can_use_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name in a shared directory can be guessed, so another user may have taken it."""
    monkeypatch.setattr(tempfile, "tempdir", str(home))
    elsewhere = home / "elsewhere"
    elsewhere.mkdir(mode=0o700)

    async def refusal(data_dir: Path) -> str:
        with pytest.raises(EmbeddedRedisError) as refused:
            await DataDirectory(data_dir).acquire(patience=0)
        return str(refused.value)

    def place_of(data_dir: Path) -> Path:
        return DataDirectory(data_dir).socket.parent

    place_of(linked := home / ("link" * 30)).symlink_to(elsewhere)
    place_of(wide := home / ("wide" * 30)).mkdir(mode=0o755)
    place_of(file := home / ("file" * 30)).touch(mode=0o700)
    for data_dir, reason in ((linked, "a symbolic link"), (wide, "open to other users"), (file, "no directory")):
        assert f"{place_of(data_dir)} is {reason}" in await refusal(data_dir)
    owner = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    place_of(foreign := home / ("user" * 30)).mkdir(mode=0o700)
    assert await refusal(foreign) == (
        f"{place_of(foreign)} is another user's (uid {owner}), and relay makes its socket there only in a "
        f"directory of its own: remove it, or move {foreign} to a shorter path (data_dir, RELAY_DATA_DIR)"
    )
