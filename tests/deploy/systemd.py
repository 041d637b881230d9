"""systemd, as the first process of namespaces of its own, on what this machine has installed.

Its root is this machine's, and what is written there is kept in memory; it has its own processes, control groups and
network, so that units run there as they would on a machine, and nothing of it is left. What the machine itself starts
is not there, and devices and the kernel's settings are out of reach. /opt/relay is the relay that is tested: where that
lies, the unit's user could not read it.
"""

import asyncio
import contextlib
import os
import shlex
import signal
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.commands import ROOT
from tests.support.patience import patience
from tests.support.programs import needs
from tests.support.waiting import until

PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
NAMESPACES = ("--mount", "--pid", "--uts", "--ipc", "--net", "--cgroup")
RELAY = """#!/bin/sh
export LD_LIBRARY_PATH=/opt/relay/python/lib PYTHONHOME=/opt/relay/python PYTHONPATH=/opt/relay/source:/opt/relay/site
exec /opt/relay/python/bin/{python} -m relay "$@"
"""
MAKE = """
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs "$1"
cd "$1"
mkdir changes work root
mount -t overlay overlay -o lowerdir=/,upperdir=changes,workdir=work root
cd root
rm -rf etc/fstab etc/systemd/system/*.wants usr/lib/systemd/system/*.target.wants
rm -rf var/lib/relay var/lib/relay-backups var/lib/private/relay*
mkdir -p .before etc/relay opt/relay/bin opt/relay/python opt/relay/site opt/relay/source
mount --bind {base} opt/relay/python
mount --bind {site} opt/relay/site
mount --bind {source} opt/relay/source
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t tmpfs tmpfs dev
for name in null zero full random urandom tty; do touch dev/$name; mount --bind /dev/$name dev/$name; done
mkdir dev/shm dev/pts dev/mqueue dev/hugepages
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mount -t cgroup2 cgroup2 sys/fs/cgroup
printf %s {relay} > opt/relay/bin/relay
chmod 755 opt/relay/bin/relay
printf '[Unit]\\nDescription=nothing yet\\n' > etc/systemd/system/nothing-yet.target
ip link set lo up
pivot_root . .before
exec chroot . /bin/sh -c 'umount -l .before; exec env -i container=relay PATH=/usr/sbin:/usr/bin:/sbin:/bin \\
  /lib/systemd/systemd --system --unit=nothing-yet.target --log-target=journal --show-status=no'
"""


@dataclass
class Machine:
    pid: int  # of its systemd, as seen from here
    log: Path  # what that says

    def path(self, inside: str) -> Path:
        return Path(f"/proc/{self.pid}/root{inside}")

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command there, as root, to its end."""
        enter = ("nsenter", f"--target={self.pid}", *NAMESPACES, "--root", "--wd")
        return subprocess.run([*enter, *command], text=True, capture_output=True, timeout=patience(), check=False)

    def systemctl(self, *words: str) -> str:
        done = self.run("systemctl", *words)
        assert done.returncode == 0, f"{done.stdout}{done.stderr}\n{self.journal()}\n{self.log.read_text('utf-8')}"
        return done.stdout

    def shows(self, unit: str, *names: str) -> Mapping[str, str]:
        lines = self.systemctl("show", unit, f"--property={','.join(names)}").splitlines()
        return dict(line.split("=", 1) for line in lines)

    def journal(self, unit: str = "*") -> str:
        return self.run("journalctl", "--no-pager", "--output=cat", f"--unit={unit}").stdout


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="relay-", dir="/tmp") as path:
        yield Path(path)


@contextlib.contextmanager
def _control_group(name: str) -> Iterator[Path]:
    """One of its own, below which systemd makes those of its units."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text("utf-8").splitlines()]
    tops = [Path(words[1]) for words in mounts if words[2] == "cgroup2"]
    if not tops or not os.access(tops[0], os.W_OK):
        pytest.skip("systemd needs control groups of version 2, which may not be made here")
    group = tops[0] / name
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"systemd needs control groups of version 2: {error}")
    try:
        yield group
    finally:
        for below in (*sorted(filter(Path.is_dir, group.rglob("*")), reverse=True), group):
            below.rmdir()


@contextlib.asynccontextmanager
async def machine() -> AsyncIterator[Machine]:
    """It runs, and nothing else does. Skipped where systemd cannot be started so."""
    for command, package in (("systemd-analyze", "systemd"), ("ip", "iproute2")):
        needs(command, package)
    if os.geteuid():
        pytest.skip("systemd is started in namespaces of its own, which root alone may make")
    with _folder() as folder, _control_group(folder.name) as group:
        script = MAKE.format(
            base=shlex.quote(sys.base_prefix), site=shlex.quote(sysconfig.get_path("purelib")),
            source=shlex.quote(str(ROOT)), relay=shlex.quote(RELAY.format(python=PYTHON)),
        )  # fmt: skip
        command = ("unshare", *NAMESPACES, "--fork", "--kill-child", "sh", "-c", script, "sh", str(folder))
        join = ("sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', str(group))
        log = folder / "log"
        with log.open("wb") as out:
            process = await asyncio.create_subprocess_exec(*join, *command, stdout=out, stderr=out)
        try:
            await until(lambda: process.returncode is not None or _first(process.pid))
            first = _first(process.pid)
            assert first, log.read_text("utf-8")
            there = Machine(first, log)
            await until(lambda: process.returncode is not None or there.path("/run/systemd/private").exists())
            assert process.returncode is None, log.read_text("utf-8")
            there.systemctl("start", "systemd-journald")
            yield there
        finally:
            if first := _first(process.pid):
                os.kill(first, signal.SIGKILL)  # the first process there: the system ends all others with it
            await process.wait()
            await until(lambda: "populated 0" in (group / "cgroup.events").read_text("utf-8"))


def _first(pid: int) -> int | None:
    """The one child of this process."""
    with contextlib.suppress(OSError):
        return next(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text("utf-8").split()), None)
    return None
