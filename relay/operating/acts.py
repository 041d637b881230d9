"""Replaying and dropping what is dead or quarantined: one by one, each once, and written down before it is done."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from relay.domain.deliveries import Accepted
from relay.errors import HandlingFailed, InvalidEvent, NotJson
from relay.operating.blockers import Blocker
from relay.operating.entries import short
from relay.store.admin import Admin
from relay.store.audit import Act
from relay.store.dead_letters import DeadLetter
from relay.store.quarantine import Quarantined

NAMED = 10  # ids that the audit trail has of many
GONE = "somebody else has just replayed or dropped it"


class OpenAct(Protocol):
    """What is done inside is in `relay audit`, with who does it. StoreUnavailable: nothing is done."""

    def __call__(self, action: str, subject: str, **detail: str) -> AbstractAsyncContextManager[Act]: ...


async def replay_letter(admin: Admin, letter: DeadLetter, blocker: Blocker | None) -> str:
    """Replay it; return why that could not be done, or ''. `blocker` is what would keep it from being sent."""
    if blocker and blocker.refuses:
        return blocker.sentence
    return "" if await admin.replay([letter.id]) else GONE


async def take_again(admin: Admin, entry: Quarantined, take: Callable[[Quarantined], Awaitable[Accepted]]) -> str:
    """Take it as an event and release it; return why that could not be done, or ''."""
    try:
        await take(entry)
    except (NotJson, InvalidEvent) as error:
        return f"is still refused: {error}"
    except HandlingFailed as error:
        return f"relay itself still fails on it: {error}"
    await admin.release([entry.id])  # after it is durable: a crash between the two repeats nothing
    return ""


def names_of(ids: Sequence[str]) -> str:
    """As the audit trail says them: the first ones, short."""
    more = [f"{len(ids) - NAMED} more"] if len(ids) > NAMED else []
    return ", ".join([*map(short, ids[:NAMED]), *more])
