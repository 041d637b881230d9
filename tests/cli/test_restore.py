"""`relay restore`: nothing is put back that no server here can read, and what does not add up is said in any form."""

import json
from pathlib import Path

import pytest

from relay.store import keys
from relay.store.embedded.backup import FOLDER, MANIFEST, back_up
from tests.cli.test_backup import CONFIG, INCREMENT
from tests.support.commands import Done, relay

pytestmark = pytest.mark.slow


def command(*words: str) -> bytes:
    return b"".join([b"*%d\r\n" % len(words), *(b"$%d\r\n%s\r\n" % (len(word), word.encode()) for word in words)])


def ledger(**counts: int) -> bytes:
    """The append-only file of a store that has counted this."""
    fields = [text for name, count in counts.items() for text in (name, str(count))]
    return command("SELECT", "0") + command("HSET", f"{keys.prefix(0, 1)}{keys.LEDGER}", *fields)


async def restored(home: Path, data: bytes, *options: str, **env: str) -> Done:
    """A backup of these data, put into `home/new`."""
    folder = home / "old" / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).write_text(f"file {INCREMENT} seq 1 type i\n")
    (folder / INCREMENT).write_bytes(data)
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

    assert result.status == 1
    assert (
        f"relay.backup has lies in {tmp_path / 'new' / FOLDER}, whole, but was not read there"
        in result.out + result.err
    )
    assert "move it away and restore again" in result.out + result.err
    assert (tmp_path / "new" / FOLDER / INCREMENT).exists()
