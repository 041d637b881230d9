"""relay console: ways into the console: a link that lets one person in, and the hash of a password."""

import sys

import click

from relay.cli.client import ClientCommand, concluded, post, printed
from relay.cli.groups import Group
from relay.config import ROLES, VIEWER, Role

SHORTEST, LONGEST = 12, 1024  # characters, and bytes, of a password


@click.group(cls=Group, short_help="Make a link into the console, or the hash of a password for it.")
def console() -> None:
    """The console is at /console of the operators' listener, 127.0.0.1:8081 unless server.admin says otherwise."""


@console.command(cls=ClientCommand, short_help="Print a link that lets one person in, once.")
@click.option("--role", type=click.Choice(ROLES), default=VIEWER, show_default=True,
              help="What they may: look, or act as well.")  # fmt: skip
def link(role: Role) -> None:
    """Print a link that lets one person into the console, once, within ten minutes. Whoever opens it first is in."""
    answer = post("/console/link", role=role)
    if answer["done"] and not printed(answer):
        click.echo(answer["link"])
        click.echo(answer["text"], err=True)
    elif not answer["done"]:
        concluded(answer)


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
