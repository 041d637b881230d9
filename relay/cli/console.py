"""relay console: a link that lets one person into the console."""

import click

from relay.cli.client import ClientCommand, concluded, post, printed
from relay.cli.groups import Group
from relay.config import ROLES, VIEWER, Role


@click.group(cls=Group, short_help="Make a link into the console.")
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
