"""Dead letters and quarantined events as a person names and reads them."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from relay.app import StoreSession
from relay.cli.formatting import iso, local
from relay.cli.options import visible
from relay.cli.screen import table
from relay.errors import RelayError
from relay.reasons import Dead, sentences
from relay.store.admin import QUARANTINE_LENGTH, DeadLetter, Quarantined

Letter = DeadLetter | Quarantined

SHORT = 8  # characters of an id's digest that people type
ID = re.compile(r"(q-)?([0-9a-f]+)(-\S+)?")  # q- for the quarantine; the end tells a reply from its live message


def short(name: str) -> str:
    """The id as it may be typed: enough of its digest, and whatever else tells it from its siblings."""
    found = ID.fullmatch(name)
    return "".join((found[1] or "", found[2][:SHORT], found[3] or "")) if found else name


async def chosen(desk: StoreSession, names: Sequence[str]) -> list[Letter]:
    """What is meant by these ids, each whole or short. RelayError names all that mean nothing, or more than one."""
    found: dict[str, Letter] = {}
    faults = []
    everything: list[Letter] | None = None
    for name in names:
        letter: Letter | None = await desk.records.quarantined_body(name) or await desk.records.dead_letter(name)
        meant = [letter] if letter else []
        if not meant:
            everything = await all_letters(desk) if everything is None else everything
            meant = [one for one in everything if _means(name, one.id)]
        if len(meant) == 1:
            found[meant[0].id] = meant[0]
        elif meant:
            faults.append(f"{name} may be any of {', '.join(one.id for one in meant)}")
        else:
            faults.append(f"{name} is neither dead nor quarantined; `relay dead list` shows what is")
    if faults:
        raise RelayError("\n".join(faults))
    return list(found.values())


async def all_letters(desk: StoreSession) -> list[Letter]:
    ledger = await desk.records.ledger()
    letters = await desk.records.dead(most=max(1, ledger.counts.get("dead", 0)))
    return [*letters, *await desk.records.quarantined(most=2 * QUARANTINE_LENGTH)]


def letters_table(letters: Iterable[Letter], zone: str) -> Table:
    """One row each: what it was and for whom, whose, and why. Long reasons wrap under themselves."""
    rows = table("id", "since", "what and why", whole=("id", "since"))
    for letter in letters:
        at = letter.died_at if isinstance(letter, DeadLetter) else letter.at
        rows.add_row(Text(visible(short(letter.id))), local(at, zone), Text("\n").join(_said(letter)))
    return rows


def headline(letter: Letter) -> str:
    """What it was and for whom, in one line."""
    if isinstance(letter, Quarantined):
        return visible(f"a signed body from {letter.source}, {len(letter.body)} bytes")
    return visible(f"{letter.event} → {letter.destination} ({letter.address})")


def why(letter: Letter) -> str:
    if isinstance(letter, Quarantined):
        whose = "relay itself failed on it" if letter.fault else "makes no sense"
        return visible(f"{whose}: {letter.reason}")
    why = sentences(Dead).get(letter.reason, letter.reason)
    return visible(": ".join(filter(None, (why, letter.error))))


def plain(letter: Letter) -> dict[str, Any]:
    """As JSON can say it: times in ISO 8601, an event as the object it is, bytes as text."""
    shown = asdict(letter)
    for key, value in shown.items():
        if isinstance(value, datetime):
            shown[key] = iso(value)
        if isinstance(value, bytes):
            shown[key] = value.decode("utf-8", "replace")
    if isinstance(letter, DeadLetter):
        shown["body"] = json.loads(letter.body) if letter.body else None
    return shown


def _said(letter: Letter) -> list[Text]:
    lines = [Text(headline(letter), "bold")]
    if isinstance(letter, DeadLetter):
        whose = f"{letter.operation}, " if letter.operation else ""  # a digest is of many
        lines.append(Text(visible(f"{whose}{attempts(letter.attempts)}")))
    return [*lines, Text(why(letter), "yellow")]


def attempts(number: int) -> str:
    return "1 attempt" if number == 1 else f"{number} attempts"


def _means(typed: str, name: str) -> bool:
    """True if `typed` is `name` with a shorter digest, of at least eight characters."""
    given, whole = ID.fullmatch(typed), ID.fullmatch(name)
    if not given or not whole or len(given[2]) < SHORT:
        return False
    return given[1] == whole[1] and given[3] == whole[3] and whole[2].startswith(given[2])
