"""relay's commands as people run them: in a process of their own."""

import asyncio
import contextlib
import json
import os
import pty
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.running import RunningRelay

ROOT = Path(__file__).parents[2]
SECONDS = 40.0  # within which every command ends, or the test has failed


@dataclass(frozen=True)
class Done:
    status: int
    out: str
    err: str

    @property
    def facts(self) -> Any:
        return json.loads(self.out)


def environment(env: Mapping[str, str]) -> dict[str, str]:
    """This one without what is relay's, as on a wide terminal without colours, and `env`."""
    # Commands are many and short: each would spend most of its time on compiling relay again.
    dropped = ("RELAY_", "PYTHONDONTWRITEBYTECODE")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return {**inherited, "COLUMNS": "200", "NO_COLOR": "1", **env}


async def relay(*arguments: str | Path, env: Mapping[str, str], cwd: Path = ROOT) -> Done:
    """Run `relay …` to its end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "relay", *map(str, arguments), cwd=cwd, env=environment(env),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        out, err = await asyncio.wait_for(process.communicate(), SECONDS)
    except TimeoutError:
        process.kill()
        await process.communicate()
        raise
    return Done(process.returncode or 0, out.decode(), err.decode())


async def relay_on_terminal(*arguments: str | Path, env: Mapping[str, str], cwd: Path = ROOT) -> Done:
    """Run `relay …` on a terminal, to its end; what it wrote, escape codes and all. Colours are on but for `env`."""
    ours, theirs = pty.openpty()
    variables = environment({"NO_COLOR": "", "TERM": "xterm-256color", **env})
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "relay", *map(str, arguments), cwd=cwd, env=variables,
        stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)

    def read() -> bytes:
        shown = bytearray()
        with contextlib.suppress(OSError):  # Linux's way to say that nobody writes there any more
            while piece := os.read(ours, 65_536):
                shown.extend(piece)
        return bytes(shown)

    try:
        shown = await asyncio.wait_for(asyncio.to_thread(read), SECONDS)
        return Done(await process.wait(), shown.decode().replace("\r\n", "\n"), "")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        os.close(ours)


class Serving(RunningRelay):
    """`relay serve` itself, with its own lease and grace and with these arguments."""

    def __init__(self, config: Path, env: Mapping[str, str], *arguments: str) -> None:
        super().__init__(config, env)
        self._env = environment(env)
        self._command = [sys.executable, "-m", "relay", "serve", "-c", str(config), *arguments]
