"""Every process knows what is silenced, and sees to it that what was held is told."""

from collections.abc import Callable

from prometheus_client import REGISTRY

from relay.background.upkeep import SilenceWatch
from relay.policy.silences import Silences
from relay.store import Store
from relay.store.queries.silences import SilenceList
from tests.support.clock import Clock
from tests.support.silences import HOUR, added, silence


def watch(kept: SilenceList, clock: Clock) -> SilenceWatch:
    return SilenceWatch(Silences(), kept, clock=clock)


async def test_what_another_process_silenced_is_known_at_the_next_look(
    open_store: Callable[..., Store], clock: Clock
) -> None:
    here = watch(SilenceList(open_store()), clock)
    await here.look()
    kept = await added(open_store(), silence(clock()))
    before = here.silences.active(clock())
    await here.look()
    during, gauge = here.silences.active(clock()), REGISTRY.get_sample_value("relay_silences")
    await kept.expire("s-1")
    await here.look()

    assert (before, during, gauge) == ([], [silence(clock())], 1)
    assert here.silences.active(clock()) == []
    assert REGISTRY.get_sample_value("relay_silences") == 0


async def test_what_is_over_is_forgotten_without_being_told_so(store: Store, clock: Clock) -> None:
    here = watch(await added(store, silence(clock())), clock)
    await here.look()
    clock.advance(HOUR)
    await here.look()

    assert here.silences.current == ()
