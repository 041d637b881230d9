"""What templates get of an event that tells relay's operators of relay itself. Pure."""

from collections.abc import Mapping
from typing import Any

from relay.domain.documents import rows
from relay.domain.events import OPERATOR_EVENTS, RESOLVED, Event
from relay.rendering.json_access import between, number, text, time
from relay.rendering.texts import clean, cut

MOST_NAMED = 5  # destinations that a row names
LONGEST_NAME = 64  # characters of each
SAID = frozenset({"channel", "destination", "store"})  # whose reason is a sentence, and no code


def trouble(event: Event) -> dict[str, Any]:
    """`rows`, one for each thing that is wrong, or over, and `single` where it is one alone. Of other events none.

    A row has `kind`, `name`, and of a destination also `destination` and `address`; `since`, `until` and `lasted`;
    `reason`, and as `said` if people can read it; `count`, `total` and `lost`; `affected`, and if there are `more`.
    """
    document: Mapping[str, Any] = clean(event.document) if event.name in OPERATOR_EVENTS else {}
    listed = [_row(row) for row in rows(document.get("troubles"))]
    return {
        "over": event.name == RESOLVED,
        "rows": listed,
        "single": listed[0] if len(listed) == 1 else None,
        "standing": int(number(document, "standing") or 0),
    }


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    kind, name, reason = text(row, "kind"), text(row, "name"), text(row, "reason")
    destination, _, address = name.partition("/") if kind == "destination" else ("", "", "")
    listed = row.get("affected")
    affected = [cut(name, LONGEST_NAME) for name in listed if isinstance(name, str)] if isinstance(listed, list) else []
    since, until = text(row, "since"), text(row, "until")
    return {
        "kind": kind,
        "name": name,
        "destination": destination,
        "address": address,
        "since": since,
        "until": until,
        "lasted": between(time(row, "since"), time(row, "until")),
        "reason": reason,
        "said": reason if kind in SAID else "",
        **{key: int(number(row, key) or 0) for key in ("count", "total", "lost")},
        "affected": affected[:MOST_NAMED],
        "more": len(affected) > MOST_NAMED,
    }
