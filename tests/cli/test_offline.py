"""`relay backup` and `relay restore`: a file under its name only once it is whole, and nothing put back unread."""

import json
from pathlib import Path

import pytest

from relay.store import keys
from relay.store.embedded.backup import FOLDER, MANIFEST, back_up
from tests.support.commands import Done, relay
from tests.support.inprocess import relay as relay_here

pytestmark = pytest.mark.slow

INCREMENT = "appendonly.aof.1.incr.aof"
CONFIG = """
sources: {async-operations: {signature: {secrets: {current: "a-secret-of-enough-length"}}}}
channels: {slack: {token: xoxb-of-the-test}}
destinations: {room: {slack: "#room", mode: each}}
rules: [{name: all, notify: [room]}]
"""
DATA = b"*1\r\n$4\r\nPING\r\n"


def lay(data_dir: Path, commands: bytes) -> None:
    """Put an append-only file with these commands there."""
    folder = data_dir / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).write_text(f"file {INCREMENT} seq 1 type i\n")
    (folder / INCREMENT).write_bytes(commands)


def test_it_is_for_its_owner_alone_and_nothing_is_left_of_one_that_failed(tmp_path: Path) -> None:
    data, config, file = tmp_path / "data", tmp_path / "relay.yaml", tmp_path / "relay.tgz"
    lay(data, DATA)
    config.write_text(CONFIG + f"data_dir: {data}\n")
    done = relay_here("backup", file, "--config", config)
    mode = file.stat().st_mode & 0o777
    file.unlink()
    (data / FOLDER / MANIFEST).unlink()
    failed = relay_here("backup", file, "--config", config)

    assert (done.exit_code, mode) == (0, 0o600), done.output
    assert f"{len(DATA)} bytes of {data}, in 1 files" in done.output
    assert failed.exit_code
    assert [left.name for left in tmp_path.iterdir() if "tgz" in left.name] == []


def command(*words: str) -> bytes:
    return b"".join([b"*%d\r\n" % len(words), *(b"$%d\r\n%s\r\n" % (len(word), word.encode()) for word in words)])


def ledger(**counts: int) -> bytes:
    """The append-only file of a store that has counted this."""
    fields = [text for name, count in counts.items() for text in (name, str(count))]
    return command("SELECT", "0") + command("HSET", f"{keys.PREFIX}ledger", *fields)


async def restored(home: Path, data: bytes, *options: str, **env: str) -> Done:
    """A backup of these data, put into `home/new`."""
    lay(home / "old", data)
    with (home / "relay.backup").open("wb") as to:
        back_up(home / "old", to, {"taken": "2026-01-20T11:40:00Z", "relay": "0.1.0"})
    (home / "relay.yaml").write_text(CONFIG + f"data_dir: {home / 'new'}\n")
    return await relay("restore", home / "relay.backup", "--config", home / "relay.yaml", *options, env=env)


@pytest.mark.parametrize("options", [(), ("--json",)], ids=["words", "json"])
async def test_what_does_not_add_up_is_said_and_is_a_failure(tmp_path: Path, options: tuple[str, ...]) -> None:
    result = await restored(tmp_path, ledger(accepted=3, pending=1), *options)

    assert result.status == 1
    assert "2 of them are counted nowhere, or twice" in result.err
    if options:
        assert json.loads(result.out)["imbalance"] == 2


async def test_without_a_server_nothing_is_put_back_and_the_next_try_is_a_first_one(tmp_path: Path) -> None:
    data = ledger(accepted=1, pending=1)
    refused = await restored(tmp_path, data, RELAY_REDIS_SERVER=str(tmp_path / "nowhere"))
    there = (tmp_path / "new").exists()

    again = await restored(tmp_path, data)

    assert (refused.status, there) == (1, False)
    assert "there is no executable file of this name" in refused.out + refused.err
    assert again.status == 0, again.out + again.err


async def test_what_the_server_cannot_read_stays_and_is_said_to_lie_there(tmp_path: Path) -> None:
    result = await restored(tmp_path, b"no commands\r\n" + ledger(accepted=1, pending=1))

    said = result.out + result.err
    assert result.status == 1
    assert f"relay.backup has lies in {tmp_path / 'new' / FOLDER}, whole, but was not read there" in said
    assert "move it away and restore again" in said
    assert (tmp_path / "new" / FOLDER / INCREMENT).exists()
