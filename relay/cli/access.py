"""relay console and audit: who may do what, and who did."""

from collections.abc import Mapping
from typing import Any

import click

from relay.cli.client import ClientCommand, Group, concluded, cursor_option, get, post, printed
from relay.cli.options import not_empty
from relay.cli.screen import Cell, print_list, when


@click.group(cls=Group)
def console() -> None:
    """The console is at /console of the operator listener, 127.0.0.1:8081 unless server.admin says otherwise."""


@console.command(cls=ClientCommand, short_help="Create a login link that works once.")
@click.option("--role", type=click.Choice(["viewer", "operator"]), default="viewer", show_default=True,
              help="viewer: read only; operator: may also act.")  # fmt: skip
def link(role: str) -> None:
    """Create a login link for one person. It works once, within ten minutes, for the first who opens it."""
    answer = post("/console/link", role=role)
    if not answer["done"]:
        concluded(answer)
    elif not printed(answer):
        click.echo(answer["link"])
        click.echo(answer["text"], err=True)


UNKNOWN = "under way, or cut off: it may have been done"


def _act(row: Mapping[str, Any]) -> str:
    act = " ".join(filter(None, (row["action"], row["address"], row["subject"])))
    detail = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in row["detail"].items())
    return f"{act} ({detail})" if detail else act


ACTS: Mapping[str, Cell] = {
    "when": lambda row: when(row["at"]),
    "who": "actor",
    "what": _act,
    "outcome": lambda row: row["outcome"] or UNKNOWN,
}


@click.command(cls=ClientCommand)
@click.option("--since", metavar="TIME", callback=not_empty,
              help="Only since then: a duration such as 1d, or a time such as 2024-01-20T12:40.")  # fmt: skip
@click.option("--actor", metavar="WHO", callback=not_empty, help="Only by this user, for instance jana or *@host-1.")
@click.option("--action", metavar="WHAT", callback=not_empty, help="Only this action, for instance dead or press.")
@cursor_option
def audit(**question: str | None) -> None:
    """Show who did what, newest first: dead letters replayed and deleted, addresses suppressed, silences, digests and
    tests sent, reloads, buttons pressed, unsubscriptions.

    The last 90 days are kept, at most some 10,000 actions. An action is recorded before it is carried out.
    """
    print_list(get("/audit", **question), ACTS, "No actions were recorded in this time.", whole=("when",))
