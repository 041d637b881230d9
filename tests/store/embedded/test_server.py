"""The private Redis: its data outlives everything."""

import os
import signal
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from relay.errors import EmbeddedRedisError
from relay.store import Store
from relay.store.embedded.server import EmbeddedRedis
from tests.support import events
from tests.support.clock import Clock
from tests.support.embedded import (
    EITHER_LOOP,
    NEEDS_ROOM,
    SERVER,
    Run,
    client,
    contents,
    filled,
    pid_of,
    restarted,
    written,
)
from tests.support.programs import needs
from tests.support.queue import accept, counts
from tests.support.targets import room
from tests.support.waiting import until

pytestmark = pytest.mark.slow


async def test_the_distributions_server_goes_on_with_what_the_wheels_has_kept_and_the_other_way_round(
    data_dir: Path,
) -> None:
    distributions = Path(needs("valkey-server", "valkey-server"))
    clock, kept = Clock(), []

    for number, binary in enumerate((None, distributions, None)):
        async with EmbeddedRedis(data_dir, binary) as server:
            store = Store.open(server.url, process=f"process-{number}", private=True, clock=clock)
            await store.prepare()
            await accept(store, events.completed(operationId=f"op-{number}"), to=room())
            kept.append(await counts(store))
            await store.aclose()

    assert kept[0]
    assert kept[2] == {name: 3 * count for name, count in kept[0].items()}


@EITHER_LOOP
def test_a_killed_server_is_restarted_with_its_data_at_the_same_url(run: Run, data_dir: Path) -> None:
    async def scenario() -> None:
        async with EmbeddedRedis(data_dir, restart_pauses=(0.0, 0.0)) as server, client(server.url) as redis:
            await redis.set("key", "value")
            killed = pid_of(server)

            os.kill(killed, signal.SIGKILL)
            await restarted(server, killed)

            assert await redis.get("key") == "value"
            assert pid_of(server) != killed

    run(scenario())


async def test_a_server_that_ends_again_and_again_is_started_with_growing_pauses(home: Path, data_dir: Path) -> None:
    binary = written(home / "redis-server", NEEDS_ROOM.format(server=SERVER))
    async with EmbeddedRedis(data_dir, binary, restart_pauses=(0.001, 0.004)) as server, client(server.url) as redis:
        await redis.set("key", "value")
        (data_dir / "full").touch()
        with capture_logs() as lines:
            killed = pid_of(server)
            os.kill(killed, signal.SIGKILL)
            await until(lambda: (data_dir / "tries").exists() and (data_dir / "tries").read_text().count("x") > 6)
            noticed = server.notices()
            (data_dir / "full").unlink()
            await restarted(server, killed)

        assert await redis.get("key") == "value"
        await until(lambda: not server.notices())

    assert "No space left on device" in noticed["server"]
    exits = [line for line in lines if line["event"] == "redis.exited"]
    assert [line["again_in"] for line in exits][:5] == [0.001, 0.002, 0.004, 0.004, 0.004]
    assert f"{binary} ended with status 1" in exits[1]["reason"]


async def test_a_stop_between_two_tries_ends_the_restarting(data_dir: Path) -> None:
    server = EmbeddedRedis(data_dir, restart_pauses=(3600.0, 3600.0))
    await server.start()
    with capture_logs() as logs:
        os.kill(pid_of(server), signal.SIGKILL)
        await until(lambda: any(entry["event"] == "redis.exited" for entry in logs))

    await server.stop()

    async with EmbeddedRedis(data_dir):
        pass


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


async def test_a_frozen_server_is_killed_in_the_end(data_dir: Path) -> None:
    server = EmbeddedRedis(data_dir, stop_timeout=0.1)
    await server.start()
    os.kill(pid_of(server), signal.SIGSTOP)

    with capture_logs() as logs:
        await server.stop()

    assert [entry["event"] for entry in logs] == ["redis.killed", "redis.stopped"]
    assert not (data_dir / "redis.sock").exists()


async def test_every_write_is_fsynced_and_none_is_evicted(data_dir: Path) -> None:
    async with EmbeddedRedis(data_dir) as server, client(server.url) as redis:
        options = await redis.config_get()

    assert (options["port"], options["appendonly"]) == ("0", "yes")
    assert options["appendfsync"] == "always"
    assert options["aof-use-rdb-preamble"] == "no"
    assert options["maxmemory-policy"] == "noeviction"
    assert options["save"] == ""
    assert options["dir"] == str(data_dir)
