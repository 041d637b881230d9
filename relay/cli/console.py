"""relay console: ways into the console: a link that lets one person in, and the hash of a password."""

import os
import sys
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

SHORTEST, LONGEST = 12, 1024  # characters, and bytes, of a password


@click.group(cls=Group, short_help="Make a link into the console, or the hash of a password for it.")
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
        from relay.console.access.links import MINUTES, make_link  # noqa: PLC0415 - it brings what serves pages
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


@console.command(short_help="Read a password, and print what the configuration keeps of it.")
def password() -> None:
    """Read a password twice, and print its hash for console.users: argon2id, from which nobody learns the password.

    From a pipe, it is the first line.
    """
    text = _typed() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    if len(text) < SHORTEST:
        raise click.ClickException(f"the password has {len(text)} characters; expected at least {SHORTEST}")
    if len(text.encode("utf-8", "replace")) > LONGEST:
        raise click.ClickException(f"the password is too long; expected at most {LONGEST} bytes")
    from relay.console.access.passwords import hashed  # noqa: PLC0415

    try:
        click.echo(hashed(text))
    except ModuleNotFoundError:
        raise click.ClickException(
            "it needs argon2-cffi, which is not installed: pip install 'relay[console]'"
        ) from None


def _typed() -> str:
    return str(click.prompt("Password", hide_input=True, confirmation_prompt="The same again", err=True))


def _address(config: Config) -> str:
    """Where browsers reach it. RelayError if nobody can, or nobody can know."""
    server, console = config.server, config.console
    admin = server.admin
    if not is_loopback(admin.host) and not console.configured:
        raise RelayError(
            f"the console is off: server.admin listens on {admin.host or 'every address'}, and nothing is configured "
            "under console; expected users, oidc or tokens there"
        )
    if console.url:
        return console.url
    if not server.admin_port:
        raise RelayError("the port of server.admin is free for relay to choose; give it one, or console.url")
    host = admin.host if admin.host not in ("", "0.0.0.0", "::") else os.uname().nodename  # noqa: S104 - compared
    return f"http{'s' if admin.tls else ''}://{f'[{host}]' if ':' in host else host}:{server.admin_port}"
