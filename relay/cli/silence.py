"""relay silence, pause and resume."""

from collections.abc import Callable, Mapping
from typing import Any

import click

from relay.cli.client import ClientCommand, Group, concluded, get, perform, post, printed
from relay.cli.options import a_duration
from relay.cli.screen import Cell, print_list, when
from relay.domain.deliveries import THEN

MATCHERS = {
    "destination": "The destination to silence.",
    "job": "The name of an operation, job or batch; * matches any text.",
    "type": "The operationType; * matches any text.",
    "priority": "The priority: Low, Normal, High or Critical.",
    "tenant": "The tenant; * matches any text.",
    "project": "The project; * matches any text.",
}
COLUMNS: Mapping[str, Cell] = {
    "id": "id",
    "state": "state",
    "from": lambda row: when(row["begins"]),
    "until": lambda row: when(row["ends"]),
    "of": lambda row: (
        ", ".join(f"{name}: {' or '.join(words)}" for name, words in row["matchers"].items()) or "everything"
    ),
    "then": lambda row: THEN[row["then"]],
    "held": lambda row: "" if row["held"] is None else str(row["held"]),
    "by": "author",
    "reason": "reason",
}


@click.group(cls=Group)
def silence() -> None:
    """Silences hold new notifications back for a while. Messages already sent are still edited.

    A command returns once all processes apply it.
    """


def _matchers(command: Callable[..., Any]) -> Callable[..., Any]:
    for name, help_ in reversed(MATCHERS.items()):
        command = click.option(f"--{name}", multiple=True, metavar=name.upper(), help=help_)(command)
    return command


@silence.command(cls=ClientCommand, short_help="Add a silence.")
@_matchers
@click.option("--all", "everything", is_flag=True, help="Silence everything.")
@click.option("--for", "lasts", metavar="DURATION", callback=a_duration, help="The duration: 2h, 1d12h.")
@click.option("--until", metavar="TIME", help="The end: 18:00, or 2024-01-20T12:40.")
@click.option("--from", "begins", metavar="TIME", help="The start, in the same format; default: now.")
@click.option("--reason", default="", metavar="TEXT", help="The reason, shown to operators.")
@click.option("--then", type=click.Choice([*THEN]), default="summary", show_default=True,
              help="What is sent at its end: one summary per destination, or nothing.")  # fmt: skip
def add(**form: Any) -> None:
    """Add a silence: until it ends, no new message is sent for what all its matchers match.

    A matcher may be given several times and then matches any of its values. At least one matcher or --all is needed,
    and an end within 30 days by --for or --until. Digests are still sent at their time, and notices to relay's
    operators at once, unless --destination names theirs.
    """
    if not (form["everything"] or any(form[name] for name in MATCHERS)):
        raise click.UsageError(f"give {', '.join(f'--{name}' for name in MATCHERS)} or --all")
    if (form["lasts"] is None) == (form["until"] is None):
        raise click.UsageError("give --for or --until, one of the two")
    perform("/silences/add", **{name: [*value] if isinstance(value, tuple) else value for name, value in form.items()})


@silence.command("list", cls=ClientCommand, short_help="List active and pending silences.")
@click.option("--expired", is_flag=True, help="Include silences that ended in the last 30 days.")
def list_(*, expired: bool) -> None:
    """List active and pending silences, the next to end first."""
    facts = get("/silences")
    rows = [*facts["active"], *facts["pending"], *(facts["over"] if expired else ())]
    if not printed(facts):
        print_list({"rows": rows}, COLUMNS, "Nothing is silenced.", whole=("id", "from", "until"))


@silence.command(cls=ClientCommand, short_help="End silences early.")
@click.argument("ids", nargs=-1, required=True, metavar="ID…")
def expire(ids: tuple[str, ...]) -> None:
    """End silences early; their summaries are sent at once. Exit status 1 if one of them had ended already."""
    concluded(*(post("/silences/expire", id=id_) for id_ in dict.fromkeys(ids)))


@click.command(cls=ClientCommand)
@click.argument("name", metavar="DESTINATION")
@click.option("--reason", default="", metavar="TEXT", help="The reason, shown to operators.")
@click.option("--for", "lasts", metavar="DURATION", callback=a_duration,
              help="The duration: 2h, 1d12h; default: until `relay resume`.")  # fmt: skip
def pause(name: str, reason: str, lasts: str | None) -> None:
    """Pause all deliveries to DESTINATION, edits included, until the pause ends. Nothing is lost or given up.

    A delivery already being sent is finished. A second pause replaces the first. To hold back only some notifications,
    see `relay silence`.
    """
    perform("/destinations/pause", name=name, reason=reason, lasts=lasts or "")


@click.command(cls=ClientCommand)
@click.argument("name", metavar="DESTINATION")
def resume(name: str) -> None:
    """Resume deliveries to DESTINATION. Deliveries that wait for something else keep waiting, and the reason is
    printed.

    Exit status 1 if it was not paused.
    """
    perform("/destinations/resume", name=name)
