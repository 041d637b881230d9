"""A copy of the private Redis's data, taken while it runs, and put back elsewhere.

The data is a manifest and the append-only files that it names, and a write is in the last of these before it is
answered. So a copy has whatever was answered before it began, and it is of one moment: each file up to the size that it
had then. Redis is not asked, and need not run. It may write its files anew meanwhile: those that are open here stay
until they are read, and a manifest that changed while they were opened is read again. A command of which the copy has
only a part was not answered yet; the server that reads it cuts it off.
"""

import gzip
import io
import json
import os
import re
import tarfile
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from relay.domain.documents import mapping
from relay.errors import EmbeddedRedisError

MANIFEST, ABOUT = "appendonly.aof.manifest", "relay-backup.json"
FOLDER = "appendonlydir"
SECRET = "secret"  # noqa: S105 - its name; beside the folder: what signs links, buttons and sessions (own_secret.py)
NAMED = re.compile(r"^file ([\w.-]+) seq \d+ type ([bi])(?: .*)?$", re.M)  # what is history ("h") is not read any more
TRIES = 100  # a manifest changes twice while Redis writes its files anew, which takes far longer than to open them
PIECE = 1 << 20  # bytes
FAST = 1  # of gzip's levels: a fifth of the size at a tenth of the best one's cost


@dataclass(frozen=True)
class Copied:
    """Size of a backup: its files and their bytes."""

    files: int
    size: int


def back_up(data_dir: Path, to: IO[bytes], about: Mapping[str, Any]) -> Copied:
    """Write the data as it is now. `about` goes before it. EmbeddedRedisError if there is none; OSError."""
    with _opened(data_dir / FOLDER) as (manifest, files):
        sizes = {name: os.fstat(file.fileno()).st_size for name, file in files.items()}
        with (
            gzip.GzipFile(fileobj=to, mode="wb", compresslevel=FAST) as packed,
            tarfile.open(fileobj=packed, mode="w|") as archive,
        ):
            texts = {ABOUT: json.dumps(dict(about)).encode(), MANIFEST: manifest}
            if (secret := data_dir / SECRET).exists():
                texts[SECRET] = secret.read_bytes()
            for name, text in texts.items():
                _add(archive, name, io.BytesIO(text), len(text))
            for name, file in files.items():
                _add(archive, name, file, sizes[name])
    return Copied(len(files), sum(sizes.values()))


def put_back(archive: IO[bytes], data_dir: Path) -> dict[str, Any]:
    """Unpack a backup into a directory without data; what it is about. EmbeddedRedisError if either will not do."""
    target = data_dir / FOLDER
    if target.exists():
        raise EmbeddedRedisError(
            f"{data_dir} has data already, which a restore would replace: name an empty directory (data_dir, "
            f"RELAY_DATA_DIR), or stop relay and move {target} away"
        )
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{FOLDER}.", dir=data_dir) as unfinished:
        folder = Path(unfinished, FOLDER)
        folder.mkdir(mode=0o700)
        about = _unpack(archive, folder)
        if (folder / SECRET).exists():
            (folder / SECRET).replace(data_dir / SECRET)
            sync(data_dir)
        os.rename(folder, target)  # noqa: PTH104 - beside its fsync
    sync(data_dir)
    return about


@contextmanager
def _opened(folder: Path) -> Iterator[tuple[bytes, dict[str, IO[bytes]]]]:
    """The manifest, and the files that it names, of one moment."""
    for _ in range(TRIES):
        with ExitStack() as held:
            try:
                text = (folder / MANIFEST).read_text("utf-8")
                names = [name for name, _ in NAMED.findall(text)]
                files: dict[str, IO[bytes]] = {name: held.enter_context((folder / name).open("rb")) for name in names}
                unchanged = (folder / MANIFEST).read_text("utf-8") == text
            except FileNotFoundError:
                if not (folder / MANIFEST).exists():
                    raise EmbeddedRedisError(
                        f"{folder.parent} has no data of a private Redis. Is data_dir, or RELAY_DATA_DIR, the one "
                        "that relay runs with? Back up a Redis of yours (redis.url) with its own tools: docs/backup.md"
                    ) from None
                continue  # it was deleted between the two: another manifest names others
            if unchanged:
                yield "".join(f"{line[0]}\n" for line in NAMED.finditer(text)).encode(), files
                return
    raise EmbeddedRedisError(f"{folder / MANIFEST} changed {TRIES} times while its files were opened: try again")


def _add(archive: tarfile.TarFile, name: str, file: IO[bytes], size: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o600
    archive.addfile(entry, file)


def _unpack(archive: IO[bytes], folder: Path) -> dict[str, Any]:
    about: dict[str, Any] = {}
    try:
        with gzip.GzipFile(fileobj=archive) as packed, tarfile.open(fileobj=packed, mode="r|") as entries:
            for entry in entries:
                file = entries.extractfile(entry) if entry.isreg() else None
                if not file or not re.fullmatch(r"[\w.-]+", entry.name):
                    raise EmbeddedRedisError(f"it has {entry.name!r}, which no backup of relay's has")
                if entry.name == ABOUT:
                    about = {**mapping(json.loads(file.read()))}
                else:
                    _write(folder / entry.name, file)
            while packed.read(PIECE):  # to its end, where its checksum is
                pass
        if not about:
            raise EmbeddedRedisError(f"it has no {ABOUT}: `relay backup` did not write it")
        names = [name for name, _ in NAMED.findall((folder / MANIFEST).read_text("utf-8"))]
        if missing := [name for name in names if not (folder / name).exists()]:
            raise EmbeddedRedisError(f"{missing[0]} is missing in it")
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error, ValueError, FileNotFoundError) as error:
        raise EmbeddedRedisError(f"it is damaged, cut off, or no backup of relay's: {error}") from None
    sync(folder)
    return about


def _write(path: Path, file: IO[bytes]) -> None:
    with path.open("xb") as output:
        path.chmod(0o600)
        while piece := file.read(PIECE):
            output.write(piece)
        output.flush()
        os.fsync(output.fileno())


def sync(folder: Path) -> None:
    """Make durable which names are in it."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
