"""accept: who is told, decided once, in one step, whatever order and however often events arrive."""

import pytest

from relay.domain.events import Event
from relay.store import Store
from tests.support import events
from tests.support.targets import room


@pytest.mark.parametrize(
    ("first", "then", "status"),
    [
        pytest.param(events.completed(), events.progress(80), "late", id="progress after completion"),
        pytest.param(events.progress(60), events.progress(40), "late", id="a percentage that goes back"),
        pytest.param(events.progress(60), events.started(), "late", id="the start after progress"),
        pytest.param(events.cancelled(), events.progress(90), "late", id="progress after a cancel"),
        pytest.param(events.completed(), events.failed(), "accepted", id="a second, different outcome"),
        pytest.param(events.progress(40), events.progress(60), "accepted", id="progress"),
        pytest.param(events.progress(40), events.progress(40, progress={"percentage": 40, "currentPhase": "Next"}),
                     "accepted", id="the same percentage in the next phase"),
        pytest.param(events.failed(), events.started(retryNumber=1), "accepted", id="a retry after a failure"),
        pytest.param(events.failed(), events.progress(10, retryNumber=1), "accepted", id="a retry's first progress"),
        pytest.param(events.progress(10, retryNumber=1), events.failed(), "late", id="the old run after its retry"),
        pytest.param(events.completed(), events.event_of(events.body("operation.audited")), "accepted",
                     id="an unknown event is never late"),
    ],
)  # fmt: skip
async def test_an_event_older_than_what_is_known_is_late(store: Store, first: Event, then: Event, status: str) -> None:
    await store.accept(first, [room()])

    assert (await store.accept(then, [room()])).status == status


async def test_forgotten_scripts_are_sent_again(redis_store: Store) -> None:
    await redis_store.report(events.progress(10), [room()])
    await redis_store.redis.script_flush()

    assert (await redis_store.report(events.progress(20), [room()])).status == "accepted"
