"""SIGHUP to every process of a unit reloads relay, and ends none of those that work with templates."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from relay.authoring.lint import environment
from tests.support.waiting import until

pytestmark = pytest.mark.slow


def ignores(pid: int, number: signal.Signals) -> bool:
    lines = Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
    [ignored] = [int(line.split()[1], 16) for line in lines if line.startswith("SigIgn:")]
    return bool(ignored & 1 << number - 1)


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel in /proc")
async def test_it_is_ignored() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "relay.authoring.lint",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env=environment(),
    )  # fmt: skip
    try:
        await until(lambda: process.returncode is not None or ignores(process.pid, signal.SIGHUP))
        assert process.returncode is None
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
