"""Dead letters and quarantined events as a person reads them on a terminal."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from relay.cli.formatting import iso, local
from relay.cli.options import visible
from relay.cli.screen import table
from relay.operating.entries import Entry, short
from relay.reasons import Dead, sentences
from relay.store.dead_letters import DeadLetter
from relay.store.quarantine import Quarantined


def entries_table(entries: Iterable[Entry], zone: str) -> Table:
    """One row each: what it was and for whom, whose, and why. Long reasons wrap under themselves."""
    rows = table("id", "since", "what and why", whole=("id", "since"))
    for entry in entries:
        at = entry.died_at if isinstance(entry, DeadLetter) else entry.at
        rows.add_row(Text(visible(short(entry.id))), local(at, zone), Text("\n").join(_description(entry)))
    return rows


def headline(entry: Entry) -> str:
    """What it was and for whom, in one line."""
    if isinstance(entry, Quarantined):
        return visible(f"a signed body from {entry.source}, {len(entry.body)} bytes")
    return visible(f"{entry.event} → {entry.destination} ({entry.address})")


def why(entry: Entry) -> str:
    if isinstance(entry, Quarantined):
        whose = "relay itself failed on it" if entry.fault else "refused"
        return visible(f"{whose}: {entry.reason}")
    why = sentences(Dead).get(entry.reason, entry.reason)
    return visible(": ".join(filter(None, (why, entry.error))))


def to_json(entry: Entry) -> dict[str, Any]:
    """As JSON can say it: times in ISO 8601, an event as the object it is, bytes as text."""
    shown = asdict(entry)
    for key, value in shown.items():
        if isinstance(value, datetime):
            shown[key] = iso(value)
        if isinstance(value, bytes):
            shown[key] = value.decode("utf-8", "replace")
    if isinstance(entry, DeadLetter):
        shown["body"] = json.loads(entry.body) if entry.body else None
    return shown


def _description(entry: Entry) -> list[Text]:
    lines = [Text(headline(entry), "bold")]
    if isinstance(entry, DeadLetter):
        whose = f"{entry.operation}, " if entry.operation else ""  # a digest is of many
        lines.append(Text(visible(f"{whose}{attempts(entry.attempts)}")))
    return [*lines, Text(why(entry), "yellow")]


def attempts(number: int) -> str:
    return "1 attempt" if number == 1 else f"{number} attempts"
