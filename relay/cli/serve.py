"""relay serve: receive and deliver."""

import asyncio
import os
import signal
from collections.abc import Coroutine
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from relay.cli.lean import absent, collecting_nothing, structlog
from relay.cli.logs import configure, form_of, log_options
from relay.cli.options import config_option, refuse
from relay.errors import ConfigError, RelayError, TemplateError

if TYPE_CHECKING:
    from relay.app import Relay, Role


def run_loop(main: Coroutine[Any, Any, None]) -> None:
    """Run what serves, to its end: on uvloop, which Windows and Pythons other than CPython do not have."""
    run = import_module("uvloop").run if find_spec("uvloop") else asyncio.run
    run(main)


@click.command(short_help="Receive events and deliver messages.")
@config_option
@click.option(
    "--role", type=click.Choice(["all", "receive", "deliver"]), default="all", show_default=True,
    help="The role of this process; several may share one Redis.",
)  # fmt: skip
@log_options
def serve(config: Path, role: "Role", *, level: str, form: str | None) -> None:
    """Receive and deliver until SIGTERM or Ctrl-C; SIGHUP reloads the configuration.

    Both stop gracefully: deliveries in progress are finished, within 30 s. SIGTERM first gives load balancers time to
    switch (server.drain); Ctrl-C, or a second SIGTERM, does not.

    An invalid configuration is reported with file and line; at the start the exit status is 1, on SIGHUP the previous
    one stays in use.
    """
    form = form_of(form)
    configure(machine=form == "json", level=level)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there is something to reload: its default is to end us
    try:
        _run(config, role)
    except RelayError as error:
        _end(error, form)


def _end(error: RelayError, form: str) -> NoReturn:
    """Leave with 1 and the reason, in the form of all other lines: who reads JSON would lose a sentence."""
    if form == "text":
        refuse(error)
    wrong = isinstance(error, ConfigError | TemplateError)
    structlog.get_logger().error("config.refused" if wrong else "relay.failed", reason=str(error))
    raise SystemExit(1)


def _run(path: Path, role: "Role") -> None:
    with collecting_nothing(), absent("opentelemetry"):
        from relay.app import Relay  # noqa: PLC0415 - `--help` needs none of it
    try:
        run_loop(_serve(Relay(path, dict(os.environ), role=role)))
    except OSError as error:
        raise RelayError(f"relay cannot serve: {error.strerror or error}") from None


async def _serve(service: "Relay") -> None:
    loop = asyncio.get_running_loop()

    def drain() -> None:
        service.drain()
        loop.add_signal_handler(signal.SIGTERM, service.stop)

    loop.add_signal_handler(signal.SIGTERM, drain)
    loop.add_signal_handler(signal.SIGINT, service.stop)
    loop.add_signal_handler(signal.SIGHUP, service.reload)
    await service.run()
