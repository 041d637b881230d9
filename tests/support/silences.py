"""Silences, and what they make of targets and deliveries."""

from typing import Any

from relay.domain.deliveries import Delivery, Hold, Target
from relay.policy.silences import Silence
from relay.store import Store
from relay.store.queries.silences import SilenceList
from tests.support.targets import changed

HOUR = 3600.0


def silence(now: float, **changes: Any) -> Silence:
    """One for an hour, of everything at `room`."""
    good = {"id": "s-1", "author": "ada@here", "reason": "Upgrade of the source", "starts": now, "until": now + HOUR,
            "created": now, "destinations": ("room",)}  # fmt: skip
    return Silence(**(good | changes))


def silent(silence: Silence, target: Target) -> Target:
    """The target, as an event finds it that the silence means."""
    return changed(target, silence=silence.hold)


async def hold(store: Store, silence: Silence, delivery: Delivery, how: Any = "bundled") -> bool:
    """Return what the worker does with a claimed delivery that a silence means."""
    return await store.silence(delivery, Hold(silence.hold, how))


async def added(store: Store, silence: Silence) -> SilenceList:
    kept = SilenceList(store)
    await kept.add(silence)
    return kept
