"""Load by wrk, which takes a tenth of what any of its subjects needs: 64 connections that are kept."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

CONNECTIONS = 64
SCRIPT = Path(__file__).with_name("load.lua")


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk says of a run; times are milliseconds. `place` is where the next run has to begin in the file."""

    requests: int
    seconds: float
    p50: float
    p99: float
    max: float
    refused: int  # not 2xx or 3xx
    broken: int  # connections, time-outs
    place: int
    cpu: float = 0.0  # seconds, of wrk

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


def found() -> str:
    """The program, or nothing."""
    return shutil.which("wrk") or ""


def load(url: str, requests: Path, seconds: int, *, start: int = 0, again: bool = False) -> Load:
    """Send the file's requests from byte `start` on, for so many seconds; `again`: from its beginning if it ends.

    RuntimeError if there were too few: what is sent then would be no new one.
    """
    before = os.times().children_user + os.times().children_system
    done = subprocess.run(
        [found(), "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "20s", "-s", SCRIPT, url, "--", requests,
         f"{start}", f"{again:d}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    after = os.times().children_user + os.times().children_system
    made = Load(**json.loads(done.stdout.strip().splitlines()[-1]), cpu=after - before)
    if not again and made.place < start:
        raise RuntimeError(f"{requests.name} holds too few requests for {seconds} s at {made.rate:.0f}/s")
    return made
