"""relay serve: receive and deliver. It starts soon and stays small because some things are left out or come later.

Left out: rich (relay/cli/logs.py); OpenTelemetry, which redis-py imports for metrics (20 ms); garbage collection during
imports (35 ms); pydantic's validators of parts (`defer_build`, 40 ms).

Later: compiled templates, by a thread (0.7 s, or 10 ms of the setup's); Slack's connection for button presses (12 ms);
the inliner of mail styles (1.5 MB); the console's pages, by a thread, once somebody asks for one (0.2 s, 4 MB).

Every other library is imported before relay listens: an import during the first event would hold up the event loop.
"""

import asyncio
import contextlib
import gc
import os
import signal
from collections.abc import Coroutine, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from relay.cli.logs import LEVELS, absent, configure, form_of, get_logger
from relay.cli.options import config_option, refuse
from relay.errors import ConfigError, RelayError, TemplateError

if TYPE_CHECKING:
    from relay.app import Relay, Role


# An event makes some hundred objects, hardly any of them in a cycle: less frequent collections cost a busy relay
# 1 % of its time instead of 5.
GC_THRESHOLDS = (20_000, 20, 20)


@contextlib.contextmanager
def without_collections() -> Iterator[None]:
    """Collect no garbage meanwhile, and leave what was made here out of later collections."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        gc.enable()


def run_loop(main: Coroutine[Any, Any, None]) -> None:
    """Run a server to its end, on uvloop where it is installed."""
    run = import_module("uvloop").run if find_spec("uvloop") else asyncio.run
    run(main)


def stop_event() -> asyncio.Event:
    """Return an event that SIGTERM or Ctrl-C sets, on the loop that runs."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


@click.command()
@config_option
@click.option(
    "--role", type=click.Choice(["all", "receive", "deliver"]), default="all", show_default=True,
    help="The role of this process; several may share one Redis.",
)  # fmt: skip
@click.option("--log-level", "level", type=click.Choice([*LEVELS]), default="info", show_default=True,
              help="The lowest level to log.")  # fmt: skip
@click.option("--log-format", "form", type=click.Choice(["json", "text"]),
              help="JSON lines or text; default: text on a terminal, else JSON.")  # fmt: skip
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
        with without_collections(), absent("opentelemetry"):
            from relay.app import Relay  # noqa: PLC0415 - `--help` needs none of it
        run_loop(_serve(Relay(config, dict(os.environ), role=role)))
    except OSError as error:
        _end(RelayError(f"relay cannot serve: {error.strerror or error}"), form)
    except RelayError as error:
        _end(error, form)


def _end(error: RelayError, form: str) -> NoReturn:
    """Exit with 1 and the reason, in the format of the log."""
    if form == "text":
        refuse(str(error))
    wrong = isinstance(error, ConfigError | TemplateError)
    get_logger().error("config.refused" if wrong else "relay.failed", reason=str(error))
    raise SystemExit(1)


async def _serve(service: "Relay") -> None:
    loop = asyncio.get_running_loop()

    def drain() -> None:
        service.drain()
        loop.add_signal_handler(signal.SIGTERM, service.stop)

    loop.add_signal_handler(signal.SIGTERM, drain)
    loop.add_signal_handler(signal.SIGINT, service.stop)
    loop.add_signal_handler(signal.SIGHUP, service.reload)
    await service.run()
