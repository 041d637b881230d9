"""Dead letters and quarantined events as a person names and reads them."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from relay.cli.formatting import iso, local
from relay.cli.options import visible
from relay.cli.screen import table
from relay.cli.session import StoreSession
from relay.errors import RelayError
from relay.reasons import Dead, sentences
from relay.store.dead_letters import DeadLetter
from relay.store.quarantine import QUARANTINE_LENGTH, Quarantined

Entry = DeadLetter | Quarantined  # of `relay dead list`

SHORT = 8  # characters of an id's digest that people type
ID = re.compile(r"(q-)?([0-9a-f]+)(-\S+)?")  # q- for the quarantine; the end tells a reply from its live message


def short(name: str) -> str:
    """The id as it may be typed: enough of its digest, and whatever else tells it from its siblings."""
    match = ID.fullmatch(name)
    return "".join((match[1] or "", match[2][:SHORT], match[3] or "")) if match else name


async def entries_named(session: StoreSession, names: Sequence[str]) -> list[Entry]:
    """The entries with these ids, each whole or short. RelayError names all that mean nothing, or more than one."""
    chosen: dict[str, Entry] = {}
    faults = []
    everything: list[Entry] | None = None
    for name in names:
        entry: Entry | None = await session.admin.quarantined_body(name) or await session.admin.dead_letter(name)
        matches = [entry] if entry else []
        if not matches:
            everything = await all_entries(session) if everything is None else everything
            matches = [entry for entry in everything if _abbreviates(name, entry.id)]
        if len(matches) == 1:
            chosen[matches[0].id] = matches[0]
        elif matches:
            faults.append(f"{name} may be any of {', '.join(entry.id for entry in matches)}")
        else:
            faults.append(f"{name} is neither dead nor quarantined; `relay dead list` shows what is")
    if faults:
        raise RelayError("\n".join(faults))
    return list(chosen.values())


async def all_entries(session: StoreSession) -> list[Entry]:
    ledger = await session.admin.ledger()
    dead_letters = await session.admin.dead(most=max(1, ledger.counts.get("dead", 0)))
    return [*dead_letters, *await session.admin.quarantined(most=2 * QUARANTINE_LENGTH)]


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


def _abbreviates(typed: str, name: str) -> bool:
    """True if `typed` is `name` with a shorter digest, of at least eight characters."""
    short_id, whole = ID.fullmatch(typed), ID.fullmatch(name)
    if not short_id or not whole or len(short_id[2]) < SHORT:
        return False
    return short_id[1] == whole[1] and short_id[3] == whole[3] and whole[2].startswith(short_id[2])
