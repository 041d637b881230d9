"""relay audit: who replayed, dropped, suppressed, sent, reloaded and pressed."""

from collections.abc import Mapping
from typing import Any

import click

from relay.cli.client import ClientCommand, cursor_option, get, older, printed
from relay.cli.options import not_empty
from relay.cli.screen import rows_table, show, when

UNKNOWN = "under way, or cut off: it may have been done"


def _act(row: Mapping[str, Any]) -> str:
    act = " ".join(filter(None, (row["action"], row["address"], row["subject"])))
    detail = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in row["detail"].items())
    return f"{act} ({detail})" if detail else act


COLUMNS = {
    "when": lambda row: when(row["at"]),
    "who": lambda row: row["actor"],
    "what": _act,
    "outcome": lambda row: row["outcome"] or UNKNOWN,
}


@click.command(cls=ClientCommand, short_help="Say who did what.")
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
    facts = get("/audit", **question)
    if printed(facts):
        return
    if facts["rows"]:
        show(rows_table(facts["rows"], COLUMNS, whole=("when",)))
    else:
        click.echo("No actions were recorded in this time.")
    older(facts)
