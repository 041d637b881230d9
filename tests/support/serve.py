"""`relay serve` with a grace short enough for tests: python -m tests.support.serve CONFIG GRACE."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from relay.app import Relay
from relay.cli.logs import configure
from relay.cli.serve import run_loop


async def main(config: str, grace: str) -> None:
    relay = Relay(Path(config), dict(os.environ), grace=float(grace))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, relay.stop)
    loop.add_signal_handler(signal.SIGHUP, relay.reload)
    await relay.run()


if __name__ == "__main__":
    configure(machine=True)
    run_loop(main(*sys.argv[1:]))
