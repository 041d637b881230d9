"""What today's rules say of each event that is kept, bounded: a configuration may have ten thousand of them."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from relay.console.desk import Desk
from relay.console.view import Facts
from relay.console.views.rules import Rule, nearest
from relay.domain.events import Event
from relay.operating.explanation import explanation_of


class Explained(Facts):
    """An event that is kept, and what today's rules say of it (as `relay explain EVENT.json --json`).

    `more_rules` are left out: others miss fewer of its conditions.
    """

    name: str
    at: datetime
    explanation: dict[str, Any]
    more_rules: int = 0


async def explained(desk: Desk, events: Sequence[Event]) -> tuple[list[Explained], Sequence[Rule]]:
    """The newest first, and every rule as it is of that one. Between two of them others have their turn."""
    rows: list[Explained] = []
    newest: Sequence[Rule] = ()
    for event in reversed(events):
        explanation = explanation_of(event, desk.config(), desk.kinds)
        rules = explanation["rules"]
        newest = newest or rules
        shown = nearest(rules)
        rows.append(
            Explained(
                name=event.name,
                at=event.occurred_at,
                explanation=explanation | {"rules": shown},
                more_rules=len(rules) - len(shown),
            )
        )
        await asyncio.sleep(0)
    return rows, newest
