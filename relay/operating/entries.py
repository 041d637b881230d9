"""Dead letters and quarantined events, as people name them."""

import re
from collections.abc import Sequence

from relay.errors import RelayError
from relay.store.admin import Admin
from relay.store.dead_letters import DeadLetter
from relay.store.quarantine import QUARANTINE_LENGTH, Quarantined

Entry = DeadLetter | Quarantined  # of `relay dead list`

SHORT = 8  # characters of an id's digest that people type
ID = re.compile(r"(q-)?([0-9a-f]+)(-\S+)?")  # q- for the quarantine; the end tells a reply from its live message


def short(name: str) -> str:
    """The id as it may be typed: enough of its digest, and whatever else tells it from its siblings."""
    match = ID.fullmatch(name)
    return "".join((match[1] or "", match[2][:SHORT], match[3] or "")) if match else name


async def entries_named(admin: Admin, names: Sequence[str]) -> list[Entry]:
    """The entries with these ids, each whole or short. RelayError names all that mean nothing, or more than one."""
    chosen: dict[str, Entry] = {}
    faults = []
    everything: list[Entry] | None = None
    for name in names:
        entry: Entry | None = await admin.quarantined_body(name) or await admin.dead_letter(name)
        matches = [entry] if entry else []
        if not matches:
            everything = await all_entries(admin) if everything is None else everything
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


async def all_entries(admin: Admin) -> list[Entry]:
    ledger = await admin.ledger()
    dead_letters = await admin.dead(most=max(1, ledger.counts.get("dead", 0)))
    return [*dead_letters, *await admin.quarantined(most=2 * QUARANTINE_LENGTH)]


def _abbreviates(typed: str, name: str) -> bool:
    """True if `typed` is `name` with a shorter digest, of at least eight characters."""
    short_id, whole = ID.fullmatch(typed), ID.fullmatch(name)
    if not short_id or not whole or len(short_id[2]) < SHORT:
        return False
    return short_id[1] == whole[1] and short_id[3] == whole[3] and whole[2].startswith(short_id[2])
