"""The secret of a relay with a private Redis: made once, for its user alone, and as it was after a restore."""

import io
from pathlib import Path

import pytest

from relay.errors import EmbeddedRedisError
from relay.store.embedded.backup import SECRET, back_up, put_back
from relay.store.embedded.own_secret import own_secret
from relay.store.embedded.server import EmbeddedRedis


async def test_it_is_made_at_the_first_start_and_is_in_a_backup(home: Path) -> None:
    secrets, archive = [], io.BytesIO()
    for _ in range(2):
        async with EmbeddedRedis(home / "data") as server:
            secrets.append(server.secret)
    back_up(home / "data", archive, {"relay": "0.1.0"})
    archive.seek(0)
    put_back(archive, home / "again")
    async with EmbeddedRedis(home / "again") as server:
        secrets.append(server.secret)
    async with EmbeddedRedis(home / "other") as server:
        other = server.secret

    assert (len({*secrets}), len(secrets[0]), other in secrets) == (1, 64, False)
    assert [(home / name / SECRET).stat().st_mode & 0o777 for name in ("data", "again")] == [0o600, 0o600]


def test_after_a_crash_it_is_whole_or_made_anew(tmp_path: Path) -> None:
    (tmp_path / f"{SECRET}.unfinished").write_bytes(b"half")

    assert own_secret(tmp_path) == own_secret(tmp_path) == (tmp_path / SECRET).read_bytes()
    assert [file.name for file in tmp_path.iterdir()] == [SECRET]


@pytest.mark.parametrize("content", [b"", b"too-short"])
def test_one_that_is_damaged_is_refused_with_what_to_do(content: bytes, tmp_path: Path) -> None:
    (tmp_path / SECRET).write_bytes(content)

    with pytest.raises(EmbeddedRedisError, match="restore the file from a backup, or remove it for a new secret"):
        own_secret(tmp_path)
