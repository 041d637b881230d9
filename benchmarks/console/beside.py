"""What else a relay has gathered in a month: what it refused, counted, set aside and wrote down, as it does that."""

import asyncio
import json

from benchmarks.console import world
from relay.domain.silences import Silence
from relay.receiving.refusals import Refusals as Collected
from relay.store import Store
from relay.store.admin import Admin
from relay.store.audit import COMMAND, Act, AuditTrail
from relay.store.operator_pauses import OperatorPauses
from relay.store.refusals import DAY, DAYS, Refusals
from relay.store.silences import SilenceList
from relay.store.suppressions import Suppressions
from tests.support.clock import Clock

REASONS = ("signature_wrong", "signature_missing", "signature_expired", "not_json", "invalid", "too_large")
HELD = ("increment", "no_outcome", "quiet_hours", "low_priority", "unsubscribed")
ACTIONS = ("dead replay", "dead drop", "silence add", "silence expire", "suppressed add", "quarantine replay")
PEOPLE = ("jana", "mehmet", "lucia", "oskar", "wei")
AT_ONCE = 100


async def pause(store: Store) -> None:
    """What goes there waits from now on."""
    await OperatorPauses(store).pause(world.PAUSED, "The conversation is being moved", PEOPLE[0])


async def quarantine(store: Store, count: int) -> None:
    """So many bodies, of which relay itself failed on every second."""
    admin, headers = Admin(store), {"Content-Type": "application/json"}
    reason = "event: expected one of the names that the API documents"
    for number in range(count):
        made = {"event": "operation.finished", "operation": {"operationId": world.subject(number)}, "text": "x" * 1500}
        source = world.source(number % world.SOURCES)
        await admin.quarantine(source, json.dumps(made).encode(), headers, reason, fault=number % 2 == 0)


async def audit(store: Store, count: int) -> None:
    """So many acts: half of them with a beginning and an end."""
    trail = AuditTrail(store.redis, store.sealer, via=COMMAND)

    async def one(number: int) -> None:
        act = Act(PEOPLE[number % len(PEOPLE)], ACTIONS[number % len(ACTIONS)], world.subject(number), {"count": "12"})
        if number % 2:
            await trail.end(await trail.begin(act), act)
        else:
            act.outcome = "done"
            await trail.note(act, stranger=number % 10 == 0)

    for first in range(0, count, AT_ONCE):
        await asyncio.gather(*map(one, range(first, min(first + AT_ONCE, count))))


async def silences(store: Store, now: float, count: int) -> None:
    """Every fourth is to begin tomorrow."""
    for number in range(count):
        starts = now + (DAY if number % 4 == 0 else -60)
        await SilenceList(store).add(Silence(
            f"s-{number:08x}", PEOPLE[number % len(PEOPLE)], "Upgrade of the source", starts, starts + 5 * DAY, now,
            destinations=(world.team(number),), types=("MIGRATION",), tenants=(world.tenant(number),),
        ))  # fmt: skip


async def refusals(store: Store, now: float) -> None:
    """Of each source for each reason on each day."""
    clock = Clock()
    collected = Collected(clock)
    for back in reversed(range(DAYS)):
        for number in range(world.SOURCES):
            for reason in REASONS:
                for count in range(40):
                    clock.now = now - back * DAY - count
                    collected.add(world.source(number), reason, lambda count=count: f"192.0.2.{count}")  # type: ignore[misc]
        await Refusals(store.redis).write(collected)


async def suppressed(store: Store, count: int) -> None:
    for number in range(count):
        await Suppressions(store).add(f"person-{number}@example.com", world.reader(number))
