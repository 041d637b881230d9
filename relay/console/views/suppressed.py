"""Who is not written to any more."""

from datetime import datetime

from relay.console.desk import Desk
from relay.console.view import Facts, NoQuestion
from relay.store.suppressions import Suppressions


class SuppressedEntry(Facts):
    """An address that is not written to at this destination, or at any (`*`); `detail` is what a mail server said."""

    address: str
    destination: str
    reason: str
    detail: str
    at: datetime


class SuppressedListFacts(Facts):
    """All of them, the oldest first."""

    rows: list[SuppressedEntry]


async def suppressed(desk: Desk, _question: NoQuestion) -> SuppressedListFacts:
    names = SuppressedEntry.model_fields
    entries = await Suppressions(desk.store).all()
    return SuppressedListFacts(
        rows=[SuppressedEntry(**{name: getattr(entry, name) for name in names}) for entry in entries]
    )
