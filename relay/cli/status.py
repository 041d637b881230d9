"""relay status, health, reload and catch-up: the state of the running relay, and what it is told to do."""

import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click
from rich.text import Text

from relay.cli.client import ClientCommand, concluded, connection, every_connection, get, perform, printed, shown
from relay.cli.connection import ask
from relay.cli.screen import Cell, rows_table, show, when
from relay.errors import RelayError

REFRESH = 2.0  # seconds between two looks
CLEAR = "\x1b[2J\x1b[H"
COLOURS = {"ok": "green", "warn": "yellow", "bad": "red", "failing": "red", "paused": "yellow"}
RUNS = 20  # that are listed
LATER = "first messages wait for live.post_after, edits for live.min_interval, retries for their delay"
UNITS = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))

Facts = Mapping[str, Any]
STATUSES = {"Partial": "Some failed", "Timeout": "Timed out"}


@click.command(cls=ClientCommand)
@click.option("--watch", is_flag=True, help="Refresh every 2 seconds, until Ctrl-C.")
def status(*, watch: bool) -> None:
    """Show the state of destinations, queues and operations, as the console's first page does.

    Exit status 1 if relay accepts no events now; with --watch always 0.
    """
    if not watch:
        if not _look()["ready"]:
            raise SystemExit(1)
        return
    signal.signal(signal.SIGINT, lambda *_: os._exit(0))  # the usual end of it; as an exception it can get lost
    while True:
        click.echo(CLEAR if sys.stdout.isatty() else "", nl=False)
        try:
            _look()
        except RelayError as error:  # it may be starting
            click.echo(shown(str(error)), err=True)
        time.sleep(REFRESH)


def _look() -> Facts:
    facts: Facts = get("/now")
    if not printed(facts):
        for part in page(facts, datetime.now(UTC)):
            show(part)
    return facts


def page(facts: Facts, now: datetime) -> Iterator[Any]:
    """Yield the parts of what is shown, one below the other."""
    headline = facts["headline"]
    said = ", ".join(headline["sentences"])
    yield Text(shown(said), f"bold {COLOURS[headline['tone']]}")
    for obstacle in facts["obstacles"]:
        yield from _obstacle(obstacle)
    if facts["redis"] is None:
        return
    waiting = [f"{count} for {channel}" for channel, count in facts["waiting"].items() if count]
    due = ""
    if at := facts["oldest_due"]:
        late = (now - datetime.fromisoformat(at)).total_seconds() >= 0
        due = f", the oldest since {_ago(at, now)}" if late else f", the next due at {when(at)} ({LATER})"
    rest = facts["pending"] - sum(facts["waiting"].values())
    later = f"; {rest} more in digests and round-ups, or behind another message" if rest > 0 else ""
    yield Text(shown(
        f"{facts['running']} running, {facts['stalled']} of them stalled; {facts['failed']} failed in 24 hours\n"
        f"waiting: {', '.join(waiting) or 'nothing'}{due}{later}\n"
        f"{facts['dead']} dead letter{'s' * (facts['dead'] != 1)}, {facts['quarantined']} quarantined"
    ))  # fmt: skip
    above = {obstacle["sentence"] for obstacle in facts["obstacles"]}

    def once(rows: Sequence[Facts]) -> list[Facts]:
        """Leave out reasons that are above already."""
        return [{**row, "why": "", "channel_fault": ""} if row["why"] in above else row for row in rows]

    tables: tuple[tuple[str, Any, Mapping[str, Cell]], ...] = (
        ("Running", facts["runs"][:RUNS], {
            "operation": lambda row: row["name"] or row["operation"],
            "at": lambda row: "" if row["percentage"] is None else f"{row['percentage']:.0f} %",
            "phase": "phase",
            "heard": lambda row: f"{_ago(row['last'], now)} ago",
            "": lambda row: f"stalled: {row['trouble']}" if row["trouble"] else "late" if row["late"] else "",
        }),
        ("Failed", facts["failures"], {
            "operation": lambda row: (row["name"] or row["operation"])
            + (f" and {row['count'] - 1} more" if row["count"] > 1 else ""),
            "cause": "cause",
            "status": lambda row: "works again" if row["recovered"] else STATUSES.get(row["shown"], row["shown"]),
            "priority": "priority",
            "": lambda row: f"{_ago(row['last'], now)} ago" if row["last"] else "",
        }),
        ("Channels", once(facts["channels"]), _STATES),
        ("Destinations", once(facts["destinations"]), _STATES),
        ("Refused", [row for row in facts["sources"] if row["refused"]], {
            "source": "name",
            "why": lambda row: ", ".join(f"{count} {reason}" for reason, count in row["refused"].items()).replace(
                "unsigned", f"without a valid {row['asked']}"
            ),
        }),
    )  # fmt: skip
    for title, rows, columns in tables:
        if rows:
            yield Text(f"\n{title}", "bold")
            yield rows_table(rows, columns)


_STATES: Mapping[str, Cell] = {
    "name": "name",
    "state": lambda row: Text(row["state"].replace("_", " "), COLOURS.get(row["state"], "")),
    "waits": lambda row: str(row.get("waiting", row["parked"]) or ""),
    "why": lambda row: " ".join(filter(None, (
        row.get("by", ""), row["why"] or row.get("channel_fault", ""),
        f"(since {when(row['since'])})" if row["why"] and row["since"] else "",
    ))),
}  # fmt: skip


def _obstacle(obstacle: Facts) -> Iterator[Text]:
    sentence = ": ".join(filter(None, (obstacle["sentence"], obstacle["why"])))
    since = f", since {when(obstacle['since'])}" if obstacle["since"] else ""
    yield Text(shown(f"  {obstacle['part']}: {sentence}{since}"), "red")
    if obstacle["advice"]:
        yield Text(shown(f"    {obstacle['advice']}"))


def _ago(at: str, now: datetime) -> str:
    seconds = max(0.0, (now - datetime.fromisoformat(at)).total_seconds())
    unit, size = next((row for row in UNITS if seconds >= 2 * row[1]), UNITS[-1])
    return f"{seconds / size:.0f} {unit}"


PATIENCE = 5.0  # seconds
HEALTHY = ("ok", "fsync", "replicated", "memory")  # what is said of a part that is as it should be


@click.command(cls=ClientCommand)
def health() -> None:
    """Check that the running relay accepts events, as GET /readyz?verbose does.

    Exit status 0 if it does, else 1 with the reason.
    """
    facts = ask(connection(PATIENCE), "GET", "/health")
    wrong = [f"{name}: {state}" for name, state in facts["checks"].items() if state not in HEALTHY]
    if not printed(facts):
        if not facts["ready"]:
            raise RelayError("\n  ".join(["relay takes no events now.", *wrong]))
        click.echo(shown("\n  ".join(["relay takes events.", *wrong])))
    raise SystemExit(0 if facts["ready"] else 1)


@click.command(cls=ClientCommand)
def reload() -> None:
    """Reload the configuration of every running relay on its data_dir, as SIGHUP does.

    Deliveries in progress are not disturbed. If the file is invalid, the error is printed, nothing changes, and the
    exit status is 1.
    """
    concluded(*(ask(relay, "POST", "/reload", {}) for relay in every_connection()))


@click.command("catch-up", cls=ClientCommand)
@click.argument("sender", type=click.Choice(["github"]))
def catch_up(sender: str) -> None:
    """Have GitHub redeliver what failed in the last three days and has not arrived since, by all webhooks under
    `catch_up` of a source. relay does it by itself after a start; this also asks for what relay refused.

    At most 50 deliveries at a time, one a second. Exit status 1 if a webhook cannot be asked.
    """
    perform("/catch-up", sender=sender)
