"""relay serve: receive and deliver."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import click

from relay.app import Relay, Role
from relay.cli.logs import configure
from relay.cli.loop import run_loop
from relay.cli.options import config_option, refuse
from relay.errors import RelayError
from relay.processes import Processes


@click.command(short_help="Receive events and deliver messages.")
@config_option
@click.option(
    "--role", type=click.Choice(["all", "receive", "deliver"]), default="all", show_default=True,
    help="What this process does; several may share one Redis.",
)  # fmt: skip
@click.option(
    "--processes", type=click.IntRange(1, 64), default=1, show_default=True,
    help="How many processes share the port and the Redis.",
)  # fmt: skip
@click.option("--reuse-port", is_flag=True, hidden=True)
def serve(config: Path, role: Role, processes: int, *, reuse_port: bool) -> None:
    """Receive and deliver until SIGTERM or Ctrl-C; SIGHUP reads the configuration again."""

    configure(machine=not sys.stderr.isatty())

    async def run() -> None:
        service: Processes | Relay
        if processes > 1:
            service = Processes(config, dict(os.environ), role=role, count=processes)
        else:
            service = Relay(config, dict(os.environ), role=role, reuse_port=reuse_port)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, service.stop)
        loop.add_signal_handler(signal.SIGHUP, service.reload)
        await service.run()

    try:
        run_loop(run())
    except (RelayError, OSError) as error:
        refuse(error)
