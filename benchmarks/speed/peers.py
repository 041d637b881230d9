"""Peers of relay: a bare aiohttp, which only answers, and Alertmanager, which notifies as well."""

import re
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from benchmarks.speed.machine import PATH
from benchmarks.speed.processes import Measured, Usage
from tests.support.forked import ROOT
from tests.support.ports import free_ports

LOOK, LOOKS = 0.02, 1500

ALERTMANAGER = """\
route: {{receiver: people, group_by: ['...'], group_wait: {wait}, group_interval: 1h, repeat_interval: 24h}}
receivers:
  - name: people
{receiver}
"""


class Started:
    """A process that listens."""

    def __init__(self, process: Measured, url: str) -> None:
        self.process = process
        self.url = url

    def usage(self) -> Usage:
        return self.process.usage()


@contextmanager
def bare(directory: Path) -> Iterator[Started]:
    [port] = free_ports(1)
    command = [sys.executable, "-m", "benchmarks.speed.bare", f"{port}"]
    with Measured(command, log=directory / "bare.log", cwd=ROOT) as process:
        yield answering(process, f"http://127.0.0.1:{port}", "/")


@contextmanager
def alertmanager(directory: Path, receiver: str = "", wait: str = "1h") -> Iterator[Started]:
    """`receiver` are the lines of its integrations; without any it sends nothing."""
    [port] = free_ports(1)
    (directory / "alertmanager.yml").write_text(ALERTMANAGER.format(receiver=receiver, wait=wait))
    command = [
        _program("prometheus-alertmanager"), f"--config.file={directory}/alertmanager.yml",
        f"--storage.path={directory}/alerts", f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=",
    ]  # fmt: skip
    with Measured(command, log=directory / "alertmanager.log") as process:
        yield answering(process, f"http://127.0.0.1:{port}", "/-/ready")


def alerts_taken(url: str) -> int:
    """Return the number of alerts that Alertmanager counted."""
    with urlopen(f"{url}/metrics") as answer:  # noqa: S310 - it is on loopback
        counters = re.findall(r"^alertmanager_alerts_received_total\{.*\} (\S+)$", answer.read().decode(), re.MULTILINE)
    return sum(int(float(number)) for number in counters)


def missing() -> list[str]:
    """Return the programs that are not installed."""
    return [name for name in ("prometheus-alertmanager",) if not _program(name)]


def _program(name: str) -> str:
    return shutil.which(name, path=PATH) or ""


def answering(process: Measured, url: str, path: str) -> Started:
    for _ in range(LOOKS):
        process.check()
        try:
            with urlopen(url + path):  # noqa: S310 - it is on loopback
                return Started(process, url)
        except URLError as error:
            if getattr(error, "code", 0) in (404, 405):
                return Started(process, url)
            time.sleep(LOOK)
    raise RuntimeError(f"{url} does not answer: {process.log}")
