"""relay console: a link that lets one person into the console."""

import os
from pathlib import Path

import click

from relay.cli.actor import actor
from relay.cli.formatting import print_json
from relay.cli.groups import Group
from relay.cli.options import config_option, json_option
from relay.cli.session import StoreSession, with_store
from relay.config import ROLES, VIEWER, Config, Role
from relay.errors import RelayError
from relay.receiving.access import is_loopback


@click.group(cls=Group, short_help="Make a link into the console.")
def console() -> None:
    """The console is at /console of the operators' listener, 127.0.0.1:8081 unless server.admin says otherwise."""


@console.command(short_help="Print a link that lets one person in, once.")
@config_option
@click.option("--role", type=click.Choice(ROLES), default=VIEWER, show_default=True,
              help="What they may: look, or act as well.")  # fmt: skip
@json_option
def link(config: Path, role: Role, *, as_json: bool) -> None:
    """Print a link that lets one person into the console, once, within ten minutes.

    Works on a running relay, by the same configuration. Whoever opens the link first is in.
    """

    async def work(session: StoreSession) -> None:
        from relay.console.access.login_flow import MINUTES, make_link  # noqa: PLC0415 - it brings what serves pages
        from relay.store.sessions import Sessions  # noqa: PLC0415

        base = _address(session.config)
        who, _ = actor(os.environ)
        async with session.act("console link", role, minutes=f"{MINUTES}"):
            address = await make_link(Sessions(session.store), base, role, who)
        if as_json:
            print_json({"link": address, "role": role, "minutes": MINUTES})
        else:
            click.echo(address)
            click.echo(f"It lets one {role} in, once, within {MINUTES} minutes.", err=True)

    with_store(config, work)


def _address(config: Config) -> str:
    """Return where browsers reach the console. RelayError if there is none, or its address is not known."""
    server, console = config.server, config.console
    admin = server.admin
    if not is_loopback(admin.host) and not console.enabled:
        raise RelayError(
            f"the console is off: server.admin listens on {admin.host or 'every address'}, and nothing is configured "
            "under console; expected url, oidc, trusted_header or tokens there"
        )
    if console.url:
        return console.url
    if not server.admin_port:
        raise RelayError("the port of server.admin is free for relay to choose; give it one, or console.url")
    host = admin.host if admin.host not in ("", "0.0.0.0", "::") else os.uname().nodename  # noqa: S104 - compared
    return f"http{'s' if admin.tls else ''}://{f'[{host}]' if ':' in host else host}:{server.admin_port}"
