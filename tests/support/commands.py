"""relay's commands as people run them: each in a process of its own."""

import asyncio
import contextlib
import json
import os
import pty
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.forked import ROOT, ForkServer, fork_server
from tests.support.patience import patience
from tests.support.running import RunningRelay


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
    # Those that are really started would else spend most of their time on compiling relay again.
    dropped = ("RELAY_", "PYTHONDONTWRITEBYTECODE")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return {**inherited, "COLUMNS": "200", "NO_COLOR": "1", **env}


async def relay(
    *arguments: str | Path, env: Mapping[str, str], cwd: Path = ROOT, server: ForkServer | None = None
) -> Done:
    """Run `relay …` to its end, in a process that has imported relay already."""
    with tempfile.TemporaryFile() as nothing, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        streams = [file.fileno() for file in (nothing, out, err)]
        status = await _run(arguments, environment(env), cwd, streams, server)
        texts = [os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0).decode() for file in (out, err)]
    return Done(status, *texts)


async def relay_on_terminal(*arguments: str | Path, env: Mapping[str, str], cwd: Path = ROOT, typed: str = "") -> Done:
    """Run `relay …` on a terminal, to its end; what it wrote, escape codes and all. Colours are on but for `env`."""
    ours, theirs = pty.openpty()
    os.write(ours, typed.encode())

    def read() -> bytes:
        shown = bytearray()
        with contextlib.suppress(OSError):  # Linux's way to say that nobody writes there any more
            while piece := os.read(ours, 65_536):
                shown.extend(piece)
        return bytes(shown)

    reading = asyncio.create_task(asyncio.to_thread(read))
    try:
        variables = environment({"NO_COLOR": "", "TERM": "xterm-256color", **env})
        status = await _run(arguments, variables, cwd, [theirs] * 3)
    finally:
        os.close(theirs)
        shown = await reading
        os.close(ours)
    return Done(status, shown.decode().replace("\r\n", "\n"), "")


async def _run(
    arguments: Sequence[str | Path],
    env: Mapping[str, str],
    cwd: Path,
    streams: Sequence[int],
    server: ForkServer | None = None,
) -> int:
    return await (server or fork_server()).start([*map(str, arguments)], env, cwd, streams).wait(patience())


class Serving(RunningRelay):
    """`relay serve` itself, with its own lease and grace and with these arguments."""

    def __init__(self, config: Path, env: Mapping[str, str], *arguments: str) -> None:
        super().__init__(config, environment(env))
        self._module = "relay"
        self._arguments = ["serve", "-c", str(config), *arguments]
