"""Silences in a life: people make some and end some, and processes hear of it sooner or later."""

from contextlib import suppress
from typing import Any

from relay.domain.silences import Silence
from relay.errors import StoreUnavailable
from relay.store.queries.silences import SilenceList
from tests.support.life.accidents import befall
from tests.support.life.world import Process, World

MATCHERS: list[dict[str, Any]] = [
    {"destinations": ("team",)},
    {"destinations": ("night", "room")},
    {"destinations": ("analysts",), "priorities": ("High",)},
    {"destinations": ("daily",)},
    {"types": ("*",)},
    {},
]
LASTING = [5, 60, 900, 7200]  # seconds


async def silencing(world: World, process: Process) -> None:
    """One of the accidents of any life, or something about silences."""
    match world.pick.randrange(10):
        case 0:
            await _silence(world, process)
        case 1 | 2 | 3:
            await process.silences.look()
        case 4:
            with suppress(IndexError):
                kept = SilenceList(process.store)
                await kept.expire(world.pick.choice(await kept.all()).id)
        case _:
            await befall(world, process)


async def _silence(world: World, process: Process) -> None:
    now, pick = world.clock(), world.pick
    starts = now + pick.choice([0, 0, 0, 30])
    until, id_ = starts + pick.choice(LASTING), f"s-{pick.getrandbits(32):08x}"
    silence = Silence(id_, "ada@here", "tidying up", starts, until, now, **pick.choice(MATCHERS))
    with suppress(StoreUnavailable):
        await SilenceList(process.store).add(silence)


async def end_silences(last: Process) -> None:
    """Nothing is silent any more, and what was is due."""
    kept = SilenceList(last.store)
    for silence in await kept.all():
        await kept.expire(silence.id)
    await last.silences.look()
