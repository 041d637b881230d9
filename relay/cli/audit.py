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
              help="Of the last 1d, or since a time such as 2024-01-20T12:40; else all that is kept.")  # fmt: skip
@click.option("--actor", metavar="WHO", callback=not_empty, help="By these alone, for instance jana or *@host-1.")
@click.option("--action", metavar="WHAT", callback=not_empty, help="Of this alone, for instance dead or press.")
@cursor_option
def audit(**question: str | None) -> None:
    """Say who replayed and dropped what could not be delivered, suppressed addresses, sent digests and tests, reloaded
    the configuration, pressed buttons and unsubscribed; newest first.

    Kept are the last 90 days, of at most some 10,000 acts. An act is written down before it is done.
    """
    facts = get("/audit", **question)
    if printed(facts):
        return
    if facts["rows"]:
        show(rows_table(facts["rows"], COLUMNS, whole=("when",)))
    else:
        click.echo("Nothing was done in this time that is written down here.")
    older(facts)
