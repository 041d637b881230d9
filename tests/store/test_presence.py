"""Tests of how a process knows that another one has ended: never wrongly, since its messages would be sent twice."""

import errno
import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from relay.store.presence import KEPT, Presence

LIVES = "import sys, pathlib, relay.store.presence as p; print(p.Presence({}).name, flush=True); sys.stdin.read()"
ELSEWHERE = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
needs_namespaces = pytest.mark.skipif(os.getuid() != 0 or not shutil.which("unshare"), reason="needs root and unshare")


class Other:
    """Another process, and its name as tickets have it."""

    def __init__(self, directory: Path | None, prefix: Sequence[str]) -> None:
        where = f"pathlib.Path({str(directory)!r})" if directory else "None"
        command = [*prefix, sys.executable, "-c", LIVES.format(where)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        self.name = f"{self._process.stdout.readline().strip()}-0123abcd"

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()


@contextmanager
def other(directory: Path | None, *prefix: str) -> Iterator[Other]:
    process = Other(directory, prefix)
    try:
        yield process
    finally:
        process.end()


@pytest.mark.parametrize(
    ("theirs", "prefix", "known"),
    [
        ("data", (), True),
        (None, (), True),
        ("another", (), True),
        pytest.param("data", ELSEWHERE, True, marks=needs_namespaces, id="a container that sees the same data_dir"),
        pytest.param("another", ELSEWHERE, False, marks=needs_namespaces, id="a container with another data_dir"),
        pytest.param(None, ELSEWHERE, False, marks=needs_namespaces, id="a container without one"),
    ],
)
def test_a_process_is_gone_once_it_has_ended_where_that_can_be_known(
    tmp_path: Path, theirs: str | None, prefix: tuple[str, ...], known: bool
) -> None:
    mine = Presence(tmp_path / "data")
    with other(tmp_path / theirs if theirs else None, *prefix) as process:
        before = mine.is_gone(process.name)
        process.end()

        assert (before, mine.is_gone(process.name)) == (False, known)


def test_a_zombie_is_gone(tmp_path: Path) -> None:
    ours, theirs = os.pipe()
    if not (pid := os.fork()):
        os.write(theirs, f"{Presence(None).name}-0123abcd".encode())
        os._exit(0)
    try:
        name = os.read(ours, 200).decode()
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)

        assert Presence(tmp_path).is_gone(name)
    finally:
        os.waitpid(pid, 0)
        os.close(ours)
        os.close(theirs)


def test_a_pid_that_another_process_has_by_now_is_of_one_that_is_gone() -> None:
    mine = Presence(None)
    host_and_pid, _, began = mine.name.partition(".")[0].rpartition("-")
    reused = mine.name.replace(f"-{began}.", f"-{int(began) - 1}.")

    assert host_and_pid.endswith(f"-{os.getpid()}")
    assert [mine.is_gone(f"{name}-0123abcd") for name in (mine.name, reused)] == [False, True]


@pytest.mark.parametrize("name", ["host-999999999-0123abcd", "process-0", "", "a-999999999-1.2.3.4-0123abcd"])
def test_a_process_of_another_machine_or_release_is_alive(tmp_path: Path, name: str) -> None:
    assert not Presence(tmp_path).is_gone(name)


def fails(_lock: int, _how: int) -> None:
    raise OSError(errno.ENOLCK, "No locks available")


@pytest.mark.parametrize("flock", [fails, lambda _lock, _how: None], ids=["fails", "means nothing"])
def test_where_locks_fail_a_process_is_alive_until_its_pid_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flock: Callable[..., Any]
) -> None:
    with other(tmp_path) as process:
        monkeypatch.setattr(fcntl, "flock", fails)
        mine = Presence(tmp_path)
        before = mine.is_gone(process.name)
        process.end()

        assert (before, mine.is_gone(process.name)) == (False, True)
    monkeypatch.setattr(fcntl, "flock", flock)
    assert Presence(tmp_path).name.endswith("..")  # others do not rely on its file


def test_a_file_of_the_same_name_on_another_disk_says_nothing(tmp_path: Path) -> None:
    mine = Presence(tmp_path)
    with other(tmp_path) as process:
        [file] = set(tmp_path.iterdir()) - {tmp_path / f"process-{mine.name.split('.')[2]}.lock"}
        file.rename(tmp_path / "moved")
        file.touch()

        assert not mine.is_gone(process.name)


def test_files_of_processes_that_ended_long_ago_are_removed(tmp_path: Path) -> None:
    def age() -> None:
        for file in tmp_path.iterdir():
            os.utime(file, (file.stat().st_mtime - KEPT - 60,) * 2)

    with other(tmp_path) as process:
        age()
        with other(tmp_path):
            running = len([*tmp_path.iterdir()])
        process.end()
        Presence(tmp_path)
        early = len([*tmp_path.iterdir()])
        age()
        Presence(tmp_path)

    assert (running, early, len([*tmp_path.iterdir()])) == (2, 2, 2)
