"""Load by wrk, which takes a tenth of what any of its subjects needs: 64 connections that are kept."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

CONNECTIONS = 64
SCRIPT = Path(__file__).with_name("load.lua")


@dataclass(frozen=True, slots=True)
class Load:
    """Result of a run of wrk; times are milliseconds.

    `place` is where the next run has to begin in the file; `ended`: there was no request left to send before the time
    was over, and some were sent twice.
    """

    requests: int
    seconds: float
    p50: float
    p99: float
    refused: int  # not 2xx or 3xx
    broken: int  # connections, time-outs
    place: int
    ended: bool

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


def program() -> str:
    return shutil.which("wrk") or ""


def load(url: str, requests: Path, seconds: int, *, start: int = 0, again: bool = False) -> Load:
    """Send the file's requests from byte `start` on, for so many seconds; `again`: from its beginning if it ends."""
    done = subprocess.run(
        [program(), "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "20s", "-s", SCRIPT, url, "--", requests,
         f"{start}", f"{again:d}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return Load(**json.loads(done.stdout.strip().splitlines()[-1]))
