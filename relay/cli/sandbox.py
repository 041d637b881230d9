"""relay sandbox: the whole Async Operations API on this machine."""

import errno
import secrets
import sys
from pathlib import Path
from typing import Any

import click

from relay.cli.logs import configure, form_of
from relay.cli.serve import run_loop, stop_event
from relay.errors import RelayError


@click.command()
@click.option("--host", metavar="H", default="127.0.0.1", show_default=True, help="The host to listen on.")
@click.option("--port", metavar="N", default=8090, show_default=True, type=click.IntRange(0, 65535),
              help="The port to listen on; 0 for any free one.")  # fmt: skip
@click.option("--token", metavar="T", envvar="RELAY_SANDBOX_TOKEN", default="", show_envvar=True,
              help="The token that clients send; default: a new one, which is printed.")  # fmt: skip
@click.option("--speed", metavar="X", default=1.0, show_default=True, type=click.FloatRange(0.01, 100_000),
              help="Speed of the simulation; at 60 a minute takes a second.")  # fmt: skip
@click.option("--data-dir", metavar="D", default="./data/sandbox", show_default=True,
              type=click.Path(file_okay=False, path_type=Path),
              help="The directory of the private Redis's data.")  # fmt: skip
@click.option("--redis-url", metavar="U", default="", help="A running Redis to use instead of a private one.")
def sandbox(*, host: str, port: int, token: str, speed: float, data_dir: Path, redis_url: str) -> None:
    """Serve every documented path of the Async Operations API, for any tenant and project, until Ctrl-C.

    Operations are simulated and send real, signed events to webhooks and callbacks; the state survives a restart. The
    page at / starts and shows them.
    """
    configure(machine=form_of(None) == "json", level="info")
    token = token or secrets.token_urlsafe(18)
    try:
        run_loop(_serve(token, host=host, port=port, speed=speed, data_dir=data_dir, redis_url=redis_url))
    except OSError as error:
        reason = "it is taken; choose another one with --port" if error.errno == errno.EADDRINUSE else error.strerror
        raise RelayError(f"the sandbox cannot serve on {host}:{port}: {reason}") from None


async def _serve(token: str, **options: Any) -> None:
    from relay_sandbox.service import sandbox as open_sandbox  # noqa: PLC0415 - `--help` needs no HTTP

    stop = stop_event()
    async with open_sandbox(token=token, **options) as serving:
        click.echo(f"API    {serving.address}/api/TENANT/PROJECT/async")
        click.echo(f"page   {serving.address}/#token={token}")
        click.echo(f"token  {token}")
        sys.stdout.flush()
        await stop.wait()
