"""A backup of the private Redis: of one moment, with all that was answered before it, however busy it is."""

import asyncio
import io
import json
import tarfile
from pathlib import Path

import pytest

from relay.errors import EmbeddedRedisError
from relay.store.embedded.backup import ABOUT, FOLDER, MANIFEST, back_up, put_back
from relay.store.embedded.server import EmbeddedRedis
from tests.support.embedded import client, filled, modes
from tests.support.waiting import until

BACKUPS = 5
ABOUT_IT = {"taken": "2026-01-20T11:40:00Z", "relay": "0.1.0"}


def backup_of(data_dir: Path) -> bytes:
    to = io.BytesIO()
    back_up(data_dir, to, ABOUT_IT)
    return to.getvalue()


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def archive_of(**files: bytes) -> bytes:
    to = io.BytesIO()
    with tarfile.open(fileobj=to, mode="w|gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return to.getvalue()


def archive_of_a_link() -> bytes:
    to = io.BytesIO()
    with tarfile.open(fileobj=to, mode="w|gz") as archive:
        entry = tarfile.TarInfo(MANIFEST)
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/hostname"
        archive.addfile(entry)
    return to.getvalue()


@pytest.mark.slow
async def test_each_backup_has_all_that_was_answered_before_it_and_nothing_out_of_order(home: Path) -> None:
    """While Redis is written to and writes its files anew, again and again."""
    answered = 0
    taken: list[tuple[int, bytes]] = []

    async def write() -> None:
        nonlocal answered
        while len(taken) < BACKUPS:
            await redis.set(f"key-{answered}", "v" * 2000)
            answered += 1

    async def rewrite() -> None:
        while len(taken) < BACKUPS:
            if not (await redis.info("persistence"))["aof_rewrite_in_progress"]:
                await redis.bgrewriteaof()

    async with EmbeddedRedis(home / "data") as server, client(server.url) as redis:
        busy = [asyncio.create_task(write()), asyncio.create_task(rewrite())]
        for number in range(BACKUPS):
            await until(lambda goal=50 * (number + 1): answered >= goal)
            before = answered
            taken.append((before, await asyncio.to_thread(backup_of, home / "data")))
        await asyncio.gather(*busy)

    for number, (before, backup) in enumerate(taken):
        put_back(io.BytesIO(backup), home / str(number))
        async with EmbeddedRedis(home / str(number)) as server, client(server.url) as redis:
            count = await redis.dbsize()
            assert count >= before
            assert await redis.exists(*(f"key-{one}" for one in range(count))) == count


async def test_what_is_put_back_is_for_its_owner_alone_and_says_what_it_is(home: Path) -> None:
    await filled(home / "data")

    about = put_back(io.BytesIO(backup_of(home / "data")), home / "new")

    assert about == ABOUT_IT
    assert {*modes(home / "new" / FOLDER).values()} == {0o700, 0o600}
    async with EmbeddedRedis(home / "new") as server, client(server.url) as redis:
        assert await redis.dbsize() == 100


async def test_nothing_is_put_where_data_is(home: Path) -> None:
    await filled(home / "data")
    backup = backup_of(home / "data")
    before = {file: file.read_bytes() for file in (home / "data" / FOLDER).iterdir()}

    with pytest.raises(EmbeddedRedisError, match="has data already"):
        put_back(io.BytesIO(backup), home / "data")

    assert {file: file.read_bytes() for file in (home / "data" / FOLDER).iterdir()} == before


async def test_what_is_no_whole_backup_is_refused_and_leaves_nothing(home: Path) -> None:
    await filled(home / "data")
    backup, about = backup_of(home / "data"), json.dumps(ABOUT_IT).encode()
    manifest = b"file appendonly.aof.1.incr.aof seq 1 type i\n"
    bad = {
        "cut off": (backup[: len(backup) // 2], "damaged, cut off"),
        "its sum is wrong": (backup[:-8] + bytes(8), "damaged, cut off"),
        "empty": (b"", "damaged, cut off"),
        "text": (b"no backup", "damaged, cut off"),
        "another archive": (archive_of(**{"a.txt": b"a"}), "no relay-backup.json"),
        "it leads out": (archive_of(**{ABOUT: about, "../../relay.lock": b"x"}), r"'\.\./\.\./relay\.lock'"),
        "a link": (archive_of_a_link(), "'appendonly.aof.manifest', which no backup"),
        "about a list": (archive_of(**{ABOUT: b"[1]"}), "no relay-backup.json"),
        "a file is missing": (archive_of(**{ABOUT: about, MANIFEST: manifest}), "incr.aof is missing"),
    }

    for spoiled, words in bad.values():
        with pytest.raises(EmbeddedRedisError, match=words):
            put_back(io.BytesIO(spoiled), home / "new")
        assert names(home / "new") == []
    assert names(home) == ["data", "new"]
