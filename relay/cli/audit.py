"""relay audit: who replayed, dropped, suppressed, sent, reloaded and pressed."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from relay.cli.dead_filters import not_empty
from relay.cli.formatting import iso, local, print_json
from relay.cli.options import config_option, json_option, visible
from relay.cli.screen import show, table
from relay.cli.session import StoreSession, with_store
from relay.errors import RelayError
from relay.operating.filters import means, moment
from relay.store.audit import AuditEntry

UNKNOWN = "under way, or cut off: it may have been done"
NOTHING = "Nothing was done in this time that is written down here."


@click.command(short_help="Say who did what.")
@config_option
@click.option("--since", metavar="TIME", callback=not_empty,
              help="Of the last 1d, or since a time such as 2024-01-20T12:40; else all that is kept.")  # fmt: skip
@click.option("--actor", metavar="WHO", callback=not_empty, help="By these alone, for instance jana or *@host-1.")
@click.option("--action", metavar="WHAT", callback=not_empty, help="Of this alone, for instance dead or press.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 100_000), help="The newest so many.")
@json_option
def audit(config: Path, *, since: str | None, actor: str | None, action: str | None, limit: int, as_json: bool) -> None:
    """Say who replayed and dropped what could not be delivered, suppressed addresses, sent digests and tests, reloaded
    the configuration, pressed buttons and unsubscribed; newest last.

    Kept are the last 90 days, of at most some 10,000 acts. An act is written down before it is done.
    """

    async def work(session: StoreSession) -> None:
        try:
            start = moment(since, session.config.timezone, session.clock()).timestamp() if since else 0.0
        except ValueError as error:
            raise RelayError(f"--since {since}: {error}") from None
        everything = await session.audit.entries(start)
        entries = [entry for entry in everything if means(actor, entry.actor) and means(action, entry.action)]
        if as_json:
            print_json({"audit": [_to_json(entry) for entry in entries[-limit:]]})
            return
        if not entries:
            click.echo(NOTHING)
            return
        show(rows_of(entries[-limit:], session.config.timezone))
        if more := len(entries[:-limit]):
            click.echo(f"\nOlder ones that are not shown: {more}; --limit shows more.")

    with_store(config, work)


def _to_json(entry: AuditEntry) -> dict[str, Any]:
    return {
        "at": iso(entry.at),
        "actor": entry.actor,
        "action": entry.action,
        "address": entry.address,
        "subject": entry.subject,
        "detail": dict(entry.detail),
        "outcome": entry.outcome or None,
    }


def rows_of(entries: Iterable[AuditEntry], zone: str) -> Table:
    """One row each, with the times by the clocks of this zone."""
    rows = table("when", "who", "what", "outcome", whole=("when",))
    for entry in entries:
        act = " ".join(filter(None, (entry.action, entry.address, entry.subject)))
        detail = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in entry.detail.items())
        texts = (local(entry.at, zone), entry.actor, f"{act} ({detail})" if detail else act, entry.outcome or UNKNOWN)
        rows.add_row(*(Text(visible(text)) for text in texts))
    return rows
