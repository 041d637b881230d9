"""relay silence: no new messages of something for a while; to add, to look at, to end."""

from collections.abc import Callable
from typing import Any

import click

from relay.cli.client import ClientCommand, concluded, get, perform, post, printed
from relay.cli.groups import Group
from relay.cli.screen import rows_table, show, when
from relay.domain.silences import THEN

COLUMNS = {
    "id": lambda row: row["id"],
    "state": lambda row: row["state"],
    "from": lambda row: when(row["begins"]),
    "until": lambda row: when(row["ends"]),
    "of": lambda row: (
        ", ".join(f"{name}: {' or '.join(words)}" for name, words in row["matchers"].items()) or "everything"
    ),
    "then": lambda row: THEN[row["then"]],
    "held": lambda row: "" if row["held"] is None else str(row["held"]),
    "by": lambda row: row["author"],
    "reason": lambda row: row["reason"],
}


@click.group(cls=Group, short_help="Send no new messages of something for a while; look at such silences, end them.")
def silence() -> None:
    """Silences: for a while no new message is sent of what they mean. Messages that stand are still edited.

    Once a command is answered, all processes go by it.
    """


def _matcher(name: str, help_: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option(f"--{name}", multiple=True, metavar=name.upper(), help=help_)


@silence.command(cls=ClientCommand, short_help="Begin one.")
@_matcher("destination", "At this destination of the configuration.")
@_matcher("job", "Of runs, jobs and batches of this name; * stands for any part.")
@_matcher("type", "Of this operationType; * stands for any part.")
@_matcher("priority", "Of this priority: Low, Normal, High or Critical.")
@_matcher("tenant", "Of this tenant; * stands for any part.")
@_matcher("project", "Of this project; * stands for any part.")
@click.option("--all", "everything", is_flag=True, help="Of everything, wherever it is told.")
@click.option("--for", "lasts", metavar="DURATION", help="It lasts so long: 2h, 1d12h.")
@click.option("--until", metavar="TIME", help="It ends then: 18:00, or 2024-01-20T12:40.")
@click.option("--from", "begins", metavar="TIME", help="It begins then, written the same way; else now.")
@click.option("--reason", required=True, metavar="TEXT", help="Why, for whoever wonders.")
@click.option("--then", type=click.Choice([*THEN]), default="summary", show_default=True,
              help="What it held is told at its end, in one message per destination; or not at all.")  # fmt: skip
def add(**form: Any) -> None:
    """Begin one: of what all the given matchers mean, no new message is sent until it ends.

    A matcher may be given several times, and means any of these. At least one is needed, or --all; and an end, by --for
    or --until, at most 30 days later. Digests still come at their own time, and notices to relay's operators at once,
    unless --destination names theirs.
    """
    perform("/silences/add", **{name: [*value] if isinstance(value, tuple) else value for name, value in form.items()})


@silence.command("list", cls=ClientCommand, short_help="List those that hold or will.")
@click.option("--expired", is_flag=True, help="Also those that ended in the last 30 days.")
def list_(*, expired: bool) -> None:
    """List those that hold, and those that are still to begin; the next to end first."""
    facts = get("/silences")
    if printed(facts):
        return
    if rows := [*facts["active"], *facts["pending"], *(facts["over"] if expired else ())]:
        show(rows_table(rows, COLUMNS, whole=("id", "from", "until")))
    else:
        click.echo("Nothing is silenced.")


@silence.command(cls=ClientCommand, short_help="End these now.")
@click.argument("ids", nargs=-1, required=True, metavar="ID…")
def expire(ids: tuple[str, ...]) -> None:
    """End these now; what they held is told at once, where it is to be told. Leaves with 1 if one of them was over."""
    concluded(*(post("/silences/expire", id=id_) for id_ in dict.fromkeys(ids)))
