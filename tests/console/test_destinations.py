"""Destinations in the console: who has paused what and why, and letting it go on."""

from relay.store import Store
from relay.store.audit import AuditTrail
from relay.store.operator_pauses import OperatorPauses
from relay.store.suppressions import Suppressions
from tests.support.clock import Clock
from tests.support.console import console, stage_config


async def test_one_is_paused_and_resumed_and_both_are_written_down(store: Store, clock: Clock) -> None:
    async with console(store, clock) as open_console:
        await open_console.act("/destinations/pause", name="room", lasts="2h", reason="<i>Renamed</i>")
        rows = {row["health"]["name"]: row for row in (await open_console.api("/destinations"))["rows"]}
        assert rows["room"]["pause"]["by"] == "ana"
        assert rows["team"]["pause"] is None
        for page in ("/destinations", "/destination?name=room"):
            assert "&lt;i&gt;Renamed&lt;/i&gt;" in await open_console.page(page)
        assert "goes on" in await open_console.act("/destinations/resume", name="room")
        assert "nobody has paused room" in await open_console.act("/destinations/resume", name="room")
    assert [entry.action for entry in await AuditTrail(store.redis).entries()].count("destination pause") == 1


async def test_nonsense_pauses_nothing(store: Store, clock: Clock) -> None:
    async with console(store, clock) as open_console:
        for fields, says in (
            ({"name": "rom", "reason": "x"}, "there is no destination rom"),
            ({"name": "room"}, "expected a reason"),
            ({"name": "room", "reason": "x", "lasts": "soon"}, "soon"),
        ):
            assert says in await open_console.act("/destinations/pause", **fields)
    assert await OperatorPauses(store).all(clock()) == []


async def test_every_destination_has_a_page_and_others_have_none(store: Store, clock: Clock) -> None:
    async with console(store, clock) as open_console:
        for name in stage_config().destinations:
            assert "<h2>" in await open_console.page(f"/destination?name={name}")
        async with open_console.client.get(open_console.server.make_url("/console/destination?name=x")) as response:
            assert response.status == 404


async def test_an_address_that_unsubscribed_can_be_written_to_again(store: Store, clock: Clock) -> None:
    [name, settings] = next(pair for pair in stage_config().destinations.items() if pair[1].channel == "email")
    address = settings.addresses[0]
    await Suppressions(store).add(address, name, reason="unsubscribed")
    async with console(store, clock) as open_console:
        facts = await open_console.api(f"/destination?name={name}")
        assert facts["addresses"][0]["suppressed"] == "unsubscribed"
        assert "is written to again" in await open_console.act("/destinations/allow", destination=name, address=address)
    assert await Suppressions(store).all() == []
