"""Compiled templates on disk, from one start to the next.

Two directories, since what was compiled without the sandbox's checks is never loaded by it. Writing there is running
code as relay, so both are for relay's user alone.
"""

import contextlib
import hashlib
import os
import stat
from functools import cache
from pathlib import Path

import jinja2
from jinja2.bccache import Bucket, FileSystemBytecodeCache

PRIVATE = 0o700
COMPILERS = ("autoescape", "built_in", "environments", "sandbox")  # modules that decide what code a source becomes


@cache
def _version() -> str:
    """Return a digest of what compiles: after an update nothing is loaded that another relay or Jinja compiled."""
    made_by = [Path(__file__).with_name(f"{name}.py").read_bytes() for name in COMPILERS]
    return hashlib.sha256(b"".join([jinja2.__version__.encode(), *made_by])).hexdigest()[:12]


class DiskCache(FileSystemBytecodeCache):
    """Directory of one kind of environment under `data_dir`; unused where it is not relay's alone. Raises nothing."""

    def __init__(self, data_dir: Path, kind: str) -> None:
        self._data_dir = data_dir
        self._directory = data_dir / "compiled" / kind
        super().__init__(str(self._directory), f"{_version()}-%s.cache")

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
                    if not file.name.startswith(_version()):
                        file.unlink(missing_ok=True)
                super().dump_bytecode(bucket)

    def _is_private(self) -> bool:
        entries = [directory.lstat() for directory in (self._directory.parent, self._directory)]
        return all(
            stat.S_ISDIR(entry.st_mode) and entry.st_uid == os.geteuid() and not stat.S_IMODE(entry.st_mode) & 0o077
            for entry in entries
        )
