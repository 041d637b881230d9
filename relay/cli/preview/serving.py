"""`relay template preview --serve`: the server, from its start to Ctrl-C."""

import asyncio
import errno
import signal
import sys
from pathlib import Path

import click

from relay.authoring.studio import Studio
from relay.authoring.workspace import Workspace
from relay.cli.options import refuse
from relay.cli.preview.server import HOST, PreviewServer
from relay.cli.serve import run_loop
from relay.cli.template import read_workspace
from relay.errors import RelayError


def serve_page(config: Path | None, templates: Path | None, port: int) -> None:
    """Serve until Ctrl-C, which ends it without a word."""

    def read() -> Workspace:
        try:
            return read_workspace(config, templates)
        except click.BadParameter as error:  # a configuration that is being edited
            raise RelayError(error.message) from None

    try:
        run_loop(_serve(Studio(read), port))
    except RelayError as error:
        refuse(error)
    except OSError as error:
        reason = "it is taken; choose another one with --port" if error.errno == errno.EADDRINUSE else error.strerror
        refuse(RelayError(f"the preview cannot be served on {HOST}:{port}: {reason}"))


async def _serve(studio: Studio, port: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with PreviewServer(studio, port=port).serving() as address:
        click.echo(f"{address}\nwhat you save is shown at once; Ctrl-C ends this")
        sys.stdout.flush()
        await stop.wait()
