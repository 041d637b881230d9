"""Whose turn it is to ask the platform, about which runs, and which ids are new: of any number of processes at once."""

from relay.domain.facts import Space
from relay.store import Store
from relay.store.queries.runs import ReconciliationState, SilentRun
from tests.support import events
from tests.support.clock import Clock

OURS = Space("", "tenant-1", "project-1")


async def test_runs_that_go_on_and_were_silent_are_given_the_longest_silent_first(store: Store, clock: Clock) -> None:
    for name in ("op-1", "op-2", "op-3"):
        await store.accept(events.progress(40, operationId=name), [])
        clock.advance(60)
    await store.accept(events.completed(operationId="op-2"), [])
    found = await ReconciliationState(store).unheard(60, 10, OURS)
    phase = events.progress(40).phase_name
    assert found == [SilentRun("op-1", 40, phase), SilentRun("op-3", 40, phase)]
    assert [run.operation for run in await ReconciliationState(store).unheard(61, 10, OURS)] == ["op-1"]


async def test_a_run_that_was_begun_again_under_a_new_id_is_asked_for_by_that_id(store: Store, clock: Clock) -> None:
    await store.report(events.failed(operationId="op-1"))
    await store.report(events.progress(10, operationId="op-2", originalOperationId="op-1", retryNumber=1))
    assert [run.operation for run in await ReconciliationState(store).unheard(0, 10, OURS)] == ["op-2"]


async def test_ids_that_relay_has_no_event_of_are_named_in_their_order(store: Store) -> None:
    await store.accept(events.completed(operationId="op-1"), [])
    await store.accept(events.progress(10, operationId="op-2", originalOperationId="op-1", retryNumber=1), [])

    assert await ReconciliationState(store).unknown(["op-3", "op-1", "op-2", "op-4"], OURS) == ["op-3", "op-4"]
