"""A relay process that a supervisor keeps, before it serves: it does what needs more of relay than a supervisor has."""

import asyncio
import contextlib
import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from relay.coordinator import Coordinator
from relay.store import Store


def orders(line: int, path: Path, env: Mapping[str, str]) -> dict[str, str]:
    """Answer the supervisor at the other end of this line until it says to serve; what it adds to the environment.

    RelayError: what it asked for is not to be had. SystemExit: it is gone, or another process was refused.
    """
    with socket.socket(fileno=line) as supervisor, supervisor.makefile("rw", encoding="utf-8") as lines:
        for text in iter(lines.readline, ""):
            order, argument = json.loads(text)
            if order == "serve":
                return dict(argument)
            answer = _settings(path, env) if order == "settings" else asyncio.run(_take_over(argument))
            lines.write(json.dumps(answer) + "\n")
            lines.flush()
    raise SystemExit(1)


def _settings(path: Path, env: Mapping[str, str]) -> dict[str, Any]:
    """What the supervisor provides for all. Everything that is wrong is found here, by one process alone."""
    config = Coordinator(path, env).config()
    return {
        "addresses": [
            ["server", config.server.host, config.server.port],
            ["server.admin", config.server.admin.host, config.server.admin_port],
        ],
        "data_dir": "" if config.redis.url else str(config.data_dir),
    }


async def _take_over(url: str) -> None:
    """Nobody else can be in this directory, and no process serves yet: who held something is dead."""
    store = Store.open(url, worker="supervisor")
    async with contextlib.aclosing(store):
        await store.take_over()
