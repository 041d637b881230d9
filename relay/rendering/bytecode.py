"""Compiled templates, kept: in this process for every environment, on disk from one start to the next.

Code of the sandbox and code of relay's own files lie in two directories: what was compiled without the sandbox's checks
is never loaded by it. Whoever can write there can run code as relay, so both are for relay's user alone.
"""

import contextlib
import hashlib
import os
import stat
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Any, cast

import jinja2
from jinja2.bccache import Bucket, FileSystemBytecodeCache

MAX_COMPILED = 4096  # files
PRIVATE = 0o700
COMPILERS = ("autoescape", "built_in", "environments", "sandbox")  # modules that decide what code a source becomes

Codes = tuple[CodeType, ...]
Key = tuple[str, bool, str, tuple[str, ...]]
COMPILED: dict[Key, Codes] = {}


@cache
def _version() -> str:
    """A digest of what compiles. After an update, nothing that an older relay or another Jinja compiled is loaded."""
    made_by = [Path(__file__).with_name(f"{name}.py").read_bytes() for name in COMPILERS]
    return hashlib.sha256(b"".join([jinja2.__version__.encode(), *made_by])).hexdigest()[:12]


class DiskCache(FileSystemBytecodeCache):
    """The directory of one kind of environment under `data_dir`. Where there is none that is relay's alone, it is done
    without: nothing here raises."""

    def __init__(self, data_dir: Path, kind: str) -> None:
        self._version = _version()
        self._data_dir = data_dir
        self._directory = data_dir / "compiled" / kind
        super().__init__(str(self._directory), f"{self._version}-%s.cache")

    def load_bytecode(self, bucket: Bucket) -> None:
        with contextlib.suppress(Exception):  # a file that was cut short: it is compiled anew, and written
            if self._is_private():
                super().load_bytecode(bucket)

    def dump_bytecode(self, bucket: Bucket) -> None:
        with contextlib.suppress(OSError):  # read-only, full, or gone
            if not self._data_dir.is_dir():
                return
            self._directory.parent.mkdir(PRIVATE, exist_ok=True)
            self._directory.mkdir(PRIVATE, exist_ok=True)
            if self._is_private():
                for file in self._directory.iterdir():
                    if not file.name.startswith(self._version):
                        file.unlink(missing_ok=True)
                super().dump_bytecode(bucket)

    def _is_private(self) -> bool:
        entries = [directory.lstat() for directory in (self._directory.parent, self._directory)]
        return all(
            stat.S_ISDIR(entry.st_mode) and entry.st_uid == os.geteuid() and not stat.S_IMODE(entry.st_mode) & 0o077
            for entry in entries
        )


def compiled(
    environment: Any, cache: DiskCache | None, file: str, sources: tuple[str, ...], make: Callable[[str], CodeType]
) -> Codes:
    """The code of these sources, which are the texts of one file; what is not known is made."""
    key = type(environment).__name__, bool(environment.autoescape), file, sources
    codes: Any = COMPILED.get(key)
    if codes is None:
        bucket = cache and cache.get_bucket(environment, f"{file}|{key[1]}", file, repr(sources))
        codes = bucket and bucket.code  # a tuple is marshalled as its members are
        if not isinstance(codes, tuple) or len(codes) != len(sources):
            codes = tuple(map(make, sources))
            if cache and bucket:
                bucket.code = cast("CodeType", codes)
                cache.set_bucket(bucket)
        if len(COMPILED) >= MAX_COMPILED:
            COMPILED.clear()
        COMPILED[key] = codes
    return cast("Codes", codes)
