"""relay console: a link that lets one person into the console."""

import click

from relay.cli.client import ClientCommand, concluded, post, printed
from relay.cli.groups import Group
from relay.config import ROLES, VIEWER, Role


@click.group(cls=Group, short_help="Create a login link for the console.")
def console() -> None:
    """The console is at /console of the operator listener, 127.0.0.1:8081 unless server.admin says otherwise."""


@console.command(cls=ClientCommand, short_help="Create a login link that works once.")
@click.option("--role", type=click.Choice(ROLES), default=VIEWER, show_default=True,
              help="viewer: read only; operator: may also act.")  # fmt: skip
def link(role: Role) -> None:
    """Create a login link for one person. It works once, within ten minutes, for whoever opens it first."""
    answer = post("/console/link", role=role)
    if answer["done"] and not printed(answer):
        click.echo(answer["link"])
        click.echo(answer["text"], err=True)
    elif not answer["done"]:
        concluded(answer)
