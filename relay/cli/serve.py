"""relay serve: receive and deliver."""

import asyncio
import os
import signal
from collections.abc import Coroutine, Sequence
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
    from relay.supervisor import Supervisor


def run_loop(main: Coroutine[Any, Any, None]) -> None:
    """Run what serves, to its end: on uvloop, which Windows and Pythons other than CPython do not have."""
    run = import_module("uvloop").run if find_spec("uvloop") else asyncio.run
    run(main)


@click.command(short_help="Receive events and deliver messages.")
@config_option
@click.option(
    "--role", type=click.Choice(["all", "receive", "deliver"]), default="all", show_default=True,
    help="What this process does; several may share one Redis.",
)  # fmt: skip
@click.option(
    "--processes", type=click.IntRange(1, 64), default=1, show_default=True,
    help="How many processes share the ports and the Redis.",
)  # fmt: skip
@log_options
@click.option("--supervised", "line", type=int, default=None, hidden=True)  # the number of its end of the line
def serve(config: Path, role: "Role", processes: int, *, level: str, form: str | None, line: int | None) -> None:
    """Receive and deliver until SIGTERM or Ctrl-C; SIGHUP reads the configuration again.

    Both stop with grace: what is being sent is finished, and all is over within 30 s. SIGTERM first lets load balancers
    go elsewhere (server.drain); Ctrl-C, or a second SIGTERM, does not wait for them. A configuration that is wrong is
    named with file and line; at the start relay leaves with 1, on SIGHUP it goes on with the old one.
    """
    form = form_of(form)
    configure(machine=form == "json", level=level)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there is something to reload: its default is to end us
    try:
        if processes > 1:
            logs = ("--log-level", level, "--log-format", form)
            _supervise(config, role, processes, logs)
        else:
            _serve_alone(config, role, line)
    except RelayError as error:
        _end(error, form)


def _end(error: RelayError, form: str) -> NoReturn:
    """Leave with 1 and the reason, in the form of all other lines: who reads JSON would lose a sentence."""
    if form == "text":
        refuse(error)
    wrong = isinstance(error, ConfigError | TemplateError)
    structlog.get_logger().error("config.refused" if wrong else "relay.failed", reason=str(error))
    raise SystemExit(1)


def _supervise(path: Path, role: "Role", processes: int, logs: Sequence[str]) -> None:
    from relay.supervisor import AlreadySaid, Supervisor  # noqa: PLC0415 - and nothing of what its processes need

    supervisor = Supervisor(path, dict(os.environ), role=role, count=processes, options=logs)
    try:
        asyncio.run(_serve(supervisor))
    except AlreadySaid:
        raise SystemExit(1) from None
    except OSError as error:
        raise _stopped(error) from None


def _serve_alone(path: Path, role: "Role", line: int | None) -> None:
    """`line` leads to the supervisor, where there is one."""
    with collecting_nothing(), absent("opentelemetry"):
        from relay.app import Relay  # noqa: PLC0415 - `--help` and the supervisor need none of it
        from relay.supervisor.inside import orders  # noqa: PLC0415

    env = dict(os.environ)
    if line is not None:
        env |= orders(line, path, env)
    service = Relay(path, env, role=role, reuse_port=line is not None)
    try:
        run_loop(_serve(service, alone=line is None))
    except OSError as error:
        raise _stopped(error) from None


def _stopped(error: OSError) -> RelayError:
    return RelayError(f"relay cannot serve: {error.strerror or error}")


async def _serve(service: "Supervisor | Relay", *, alone: bool = True) -> None:
    loop = asyncio.get_running_loop()

    def drain() -> None:
        service.drain()
        if alone:  # one of several may hear the same SIGTERM twice: from systemd, and from the process that keeps it
            loop.add_signal_handler(signal.SIGTERM, service.stop)

    loop.add_signal_handler(signal.SIGTERM, drain)
    loop.add_signal_handler(signal.SIGINT, service.stop)
    loop.add_signal_handler(signal.SIGHUP, service.reload)
    await service.run()
