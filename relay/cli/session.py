"""What the commands share that look at a running relay: the way to its store."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from relay.app import StoreSession, open_session
from relay.cli.logs import configure
from relay.cli.options import refuse
from relay.errors import RelayError


def with_store(config: Path, work: Callable[[StoreSession], Awaitable[None]]) -> None:
    """Run `work` on the store of the relay with this configuration; leave with 1 and the reason if there is none."""

    async def run() -> None:
        async with open_session(config, dict(os.environ)) as session:
            await work(session)

    configure(machine=False, level="warning")  # what a command says of itself is its answer
    try:
        asyncio.run(run())
    except RelayError as error:
        refuse(error)
