"""Silences in the console: listed with what each holds, begun and ended, and written down."""

from relay.store import Store
from relay.store.audit import AuditTrail
from relay.store.silences import SilenceList
from tests.support import events
from tests.support.clock import Clock
from tests.support.console import console
from tests.support.queue import accept, claim_one
from tests.support.silences import added, hold, silence
from tests.support.targets import room


async def test_those_that_hold_are_shown_with_what_waits_and_the_others_apart(store: Store, clock: Clock) -> None:
    now = clock()
    its = silence(now, reason="<b>Upgrade</b>", jobs=("Sales *",))
    await added(store, its)
    await added(store, silence(now, id="s-2", starts=now + 60))
    await accept(store, events.completed(operationId="op-1"), to=room())
    await hold(store, its, await claim_one(store), "later")
    async with console(store, clock) as open_console:
        facts = await open_console.api("/silences")
        assert [(row["id"], row["state"], row["held"]) for row in facts["active"]] == [("s-1", "active", 1)]
        assert [row["id"] for row in facts["pending"]] == ["s-2"]
        page = await open_console.page("/silences")
        assert "&lt;b&gt;Upgrade&lt;/b&gt;" in page
        assert "Sales *" in page
        clock.advance(3601)
        assert "s-1" in [row["id"] for row in (await open_console.api("/silences"))["over"]]


async def test_a_link_fills_the_form(store: Store, clock: Clock) -> None:
    async with console(store, clock) as open_console:
        page = await open_console.page("/silences?destination=room&job=Sales&lasts=2h")
        assert "<option selected>room</option>" in page
        assert 'name="job" value="Sales"' in page
        assert 'name="lasts" value="2h"' in page


async def test_one_is_begun_and_ended_and_both_are_written_down(store: Store, clock: Clock) -> None:
    async with console(store, clock) as open_console:
        answer = await open_console.act("/silences/add", destination="room", lasts="2h", reason="Upgrade")
        assert "was added" in answer
        (begun,) = await SilenceList(store).all()
        assert (begun.author, begun.destinations, begun.until) == ("ana", ("room",), clock() + 7200)
        assert "has ended" in await open_console.act("/silences/expire", id=begun.id)
        assert "over already" in await open_console.act("/silences/expire", id=begun.id)
    actions = [(entry.actor, entry.action, entry.outcome) for entry in await AuditTrail(store.redis).entries()]
    assert ("ana", "silence add", "added") in actions
    assert ("ana", "silence expire", "ended") in actions


async def test_nonsense_is_refused_in_words(store: Store, clock: Clock) -> None:
    async with console(store, clock) as open_console:
        for fields, says in (
            ({"destination": "rom", "lasts": "2h", "reason": "x"}, "there is no destination rom"),
            ({"lasts": "2h", "reason": "x"}, "it names nothing that it is for"),
            ({"destination": "room", "reason": "x"}, "when does it end?"),
            ({"destination": "room", "lasts": "2h"}, "it has no reason"),
        ):
            assert says in await open_console.act("/silences/add", **fields)
    assert await SilenceList(store).all() == []


async def test_a_viewer_gets_no_form(store: Store, clock: Clock) -> None:
    async with console(store, clock, role="viewer") as open_console:
        assert "/console/silences/add" not in await open_console.page("/silences")
