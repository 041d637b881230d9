"""Deliveries: how they ended, which are dead, and what waits, page by page."""

import pytest

from relay.domain.deliveries import Window
from relay.domain.facts import NOWHERE
from relay.engine.names import home_of
from relay.engine.pauses import PauseScope
from relay.engine.posted import Arrived
from relay.engine.receipts import Mark
from relay.engine.take import Take
from relay.policy.reachability import State
from relay.store.queries import history
from relay.store.queries.admin import Admin
from relay.store.queries.dead_letters import DeadPages
from relay.store.queries.history import History
from relay.store.queries.reachability import OperatorPauses, Reachability
from relay.store.queries.suppressions import Suppressions
from relay.store.queries.waiting import Waiting
from tests.engine.desk import Desk, every
from tests.support import events
from tests.support.targets import mail, room, team

CHANNELS = ("email", "slack")
SCOPE = "destination:room/#room"
PAUSE = PauseScope(SCOPE, 60_000, "is_archived", probe=True)


async def end(desk: Desk, *subjects: str) -> None:
    """Tell the room of the completion of each, a second apart."""
    for subject in subjects:
        await desk.accept(events.completed(operationId=subject), room())
        await desk.send()
        desk.clock.advance(1)


class TestHistory:
    async def test_a_message_that_arrived_has_its_row(self, desk: Desk) -> None:
        await desk.accept(events.completed(), mail())
        desk.clock.advance(2)
        sent = await desk.send("email", "250 2.0.0 Ok")

        (row,) = (await History(desk).page()).rows

        assert row.id == sent.id
        assert (row.subject, row.tenant, row.type) == (sent.event.subject, "tenant-1", "ProcessMiningAnalysis")
        assert (row.destination, row.channel, row.address) == ("analysts", "email", "analyst@example.com")
        assert (row.kind, row.event, row.outcome, row.reason) == ("each", "operation.completed", "delivered", "")
        assert (row.detail, row.attempts, row.at, row.took) == ("250 2.0.0 Ok", 1, desk.clock(), 2.0)
        assert await History(desk).last_delivered(["analysts", "room"]) == {"analysts": desk.clock()}

    async def test_rows_of_all_destinations_stand_in_one_order(self, desk: Desk) -> None:
        for number in range(4):
            await end(desk, f"op-{number}")
            await desk.accept(events.completed(operationId=f"mailed-{number}"), mail())
            await desk.send("email")  # in the same ms as the next one in the room
        history = History(desk)

        rows = await every(history.page, limit=3)

        assert [row.at for row in rows] == sorted((row.at for row in rows), reverse=True)
        assert len({row.id for row in rows}) == 8
        assert [row.subject for row in await every(history.page, destination="room", limit=1)] == [
            "op-3", "op-2", "op-1", "op-0",
        ]  # fmt: skip
        began = desk.clock() - 4
        assert [row.subject for row in (await history.page(since=began + 1, until=began + 2)).rows] == [
            "mailed-0", "op-1",
        ]  # fmt: skip
        assert await history.destinations() == ["analysts", "room"]

    async def test_edits_are_those_of_the_message_that_stands(self, desk: Desk) -> None:
        for percentage in (10, 40):
            await desk.accept(events.progress(percentage), team())
            await desk.send()
            desk.clock.advance(60)

        (row,) = (await History(desk).page()).rows

        assert (row.edits, row.edited_at) == (1, desk.clock() - 60)

    async def test_one_that_is_posted_anew_has_a_row_and_edits_of_its_own(self, desk: Desk) -> None:
        for percentage, ts in ((10, "1.1"), (40, "1.1"), (70, "2.2")):
            await desk.accept(events.progress(percentage), team())
            sent, receipt = await desk.take_one(), {"channel": "C1", "ts": ts}
            await desk.settle(Mark, sent)
            await desk.settle(Arrived, sent, receipt=receipt, detail=f"C1/{ts}", new=sent.thread != receipt)
            desk.clock.advance(60)

        rows = (await History(desk).page()).rows
        assert [(row.detail, row.edits) for row in rows] == [("C1/2.2", 0), ("C1/1.1", 0)]

    async def test_each_way_in_which_a_delivery_ends(self, desk: Desk) -> None:
        admin = Admin(desk)
        await desk.accept(events.completed(operationId="dies"), room())
        await desk.bury()
        desk.clock.advance(1)
        await admin.drop(await admin.dead_ids())
        desk.clock.advance(1)
        await desk.accept(events.completed(operationId="unread"), mail())
        await Suppressions(desk).add("analyst@example.com")
        assert not await desk.take("email")
        desk.clock.advance(1)
        await desk.accept(events.completed(operationId="quiet"), room())
        await desk.submit(Take("slack", 20, "quiet", {"*": Window(desk.clock(), desk.clock() + 3600)}))

        rows = (await History(desk).page()).rows
        assert [(row.subject, row.destination, row.outcome, row.reason) for row in rows] == [
            ("quiet", "room", "held", "quiet_hours"),
            ("unread", "analysts", "superseded", "suppressed"),
            ("dies", "room", "dropped", ""),
            ("dies", "room", "dead", "rejected"),
        ]

    async def test_a_page_that_finds_little_says_how_far_it_looked(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(history, "LOOKED", 3)
        await desk.accept(events.completed(operationId="dies"), room())
        await desk.bury()
        desk.clock.advance(1)
        await end(desk, *(f"op-{number}" for number in range(4)))

        first = await History(desk).page(outcome="dead")
        second = await History(desk).page(outcome="dead", cursor=first.cursor)

        assert (first.rows, first.looked, first.looked_to) == ([], 3, desk.clock() - 3)
        assert ([row.subject for row in second.rows], second.cursor, second.looked_to) == (["dies"], "", None)

    @pytest.mark.parametrize("cursor", ["x", "1-1", "-1-0-room", "1-1111111111111111-room"])
    async def test_a_cursor_that_no_page_gave_is_refused(self, desk: Desk, cursor: str) -> None:
        with pytest.raises(ValueError, match="cursor"):
            await History(desk).page(cursor=cursor)

    async def test_an_outcome_is_found_however_many_rows_are_above_it(self, desk: Desk) -> None:
        await desk.accept(events.completed(operationId="dies"), room())
        await desk.bury()
        await end(desk, *(f"op-{number}" for number in range(5)))
        history = History(desk)

        (row,) = (await history.page(outcome="dead", limit=3)).rows

        assert (row.subject, row.reason, row.detail) == ("dies", "rejected", "channel_not_found")
        assert (await history.page(outcome="nonsense")).rows == []
        assert [row.outcome for row in await history.of_operation("op-1")] == ["delivered"]


class TestDeadLetters:
    async def test_one_has_all_that_an_operator_needs(self, desk: Desk) -> None:
        await desk.accept(events.failed(operationId="op-1"), mail(essential=True))
        dies = await desk.bury("email")
        admin = Admin(desk)

        letter = await admin.dead_letter(dies.id)

        assert letter
        assert (letter.subject, letter.tenant, letter.essential) == ("op-1", "tenant-1", True)
        assert (letter.reason, letter.error, letter.died_at.timestamp()) == (
            "rejected",
            "channel_not_found",
            desk.clock(),
        )
        assert '"operationId":"op-1"' in letter.body
        assert [(death.at, death.event) for death in await admin.deaths(desk.clock(), 5)] == [
            (desk.clock(), "operation.failed")
        ]
        assert await admin.deaths(desk.clock() + 1, 5) == []
        assert await admin.replay([dies.id, "unknown"]) == 1
        assert await admin.dead_letter(dies.id) is None

    async def test_that_of_a_round_up_shows_what_it_would_send(self, desk: Desk) -> None:
        await desk.accept(events.completed(operationId="op-1"), room())
        await desk.submit(Take("slack", 20, "quiet", {"*": Window(desk.clock(), desk.clock() + 60)}))
        desk.clock.advance(61)
        dies = await desk.bury()
        admin = Admin(desk)

        found = await admin.dead_letter(dies.id)
        assert found
        letter = await admin.with_body(found)

        assert (letter.id, letter.kind) == (dies.id, "roundup")
        assert '"id":"op-1"' in letter.body

    @pytest.mark.parametrize("seconds", [1, 0])
    async def test_pages_follow_each_other(self, desk: Desk, seconds: int) -> None:
        for number in range(5):
            await desk.accept(events.completed(operationId=f"op-{number}"), room())
            await desk.bury()
            desk.clock.advance(seconds)  # else all died in the same moment
        pages = DeadPages(desk)

        letters = await every(pages.page, limit=2)

        assert sorted(letter.subject for letter in letters) == [f"op-{number}" for number in range(5)]
        if seconds:
            assert [letter.subject for letter in letters[:2]] == ["op-4", "op-3"]
            since, until = desk.clock() - 3, desk.clock() - 1
            assert [one.subject for one in (await pages.page(since=since, until=until)).rows] == ["op-3", "op-2"]
        assert await pages.count() == 5
        assert (await pages.page(lambda letter: letter.reason == "other", limit=2)).looked == 5


async def each_state(desk: Desk) -> None:
    await desk.accept(events.completed(operationId="probes"), room())
    await desk.fail(await desk.take_one(), 60, "is_archived", refund_attempt=True, pauses=(PAUSE,))
    await desk.accept(events.completed(operationId="parked"), room())
    assert await desk.take() == ()  # it is parked with the first
    await desk.accept(events.completed(operationId="tried"), mail())
    await desk.fail(await desk.take_one("email"), 30, "451 come again")
    await desk.accept(events.progress(10, operationId="leased"), team())
    await desk.take_one()
    await desk.accept(events.progress(20, operationId="due"), mail("b@example.com"))
    await desk.accept(events.progress(20, operationId="later"), team(post_after=900.0))


class TestWaiting:
    async def test_each_state_has_its_rows(self, desk: Desk) -> None:
        await each_state(desk)
        page, now = Waiting(desk).page, desk.clock()
        expected = {"parked": "parked", "tried": "retrying", "probes": "retrying", "leased": "leased", "due": "due",
                    "later": "later"}  # fmt: skip

        rows = [row for state in {*expected.values(), "no such word"}
                for row in await every(page, CHANNELS, now, state=state, limit=1)]  # fmt: skip

        for found in (rows, await every(page, CHANNELS, now, limit=2)):
            assert sorted((row.subject, row.state) for row in found) == sorted(expected.items())
        named = {row.subject: row for row in rows}
        assert named["parked"].pause == SCOPE
        assert (named["tried"].error, named["tried"].attempts, named["tried"].due) == ("451 come again", 1, now + 30)
        assert (named["due"].address, named["due"].event) == ("b@example.com", "operation.progress")
        of_the_room = await every(page, CHANNELS, now, destination="room", limit=1)
        assert {row.subject for row in of_the_room} == {"probes", "parked"}
        assert await every(page, CHANNELS, now, destination="nowhere") == []
        with pytest.raises(ValueError, match="cursor"):
            await page(CHANNELS, now, cursor="x")

    async def test_one_is_found_by_its_id_in_any_state(self, desk: Desk) -> None:
        await each_state(desk)
        await desk.accept(events.completed(operationId="due"), mail("b@example.com"))
        waiting, now = Waiting(desk), desk.clock()
        place = home_of(mail("b@example.com")), "analysts", "b@example.com"
        first, second = (await Waiting(desk).of_operation("due", NOWHERE, [place]))["analysts"]

        rows = await waiting.named([first, "unknown", second], now)

        assert [(row.subject, row.state, row.behind) for row in rows] == [("due", "due", 1), ("due", "behind", 1)]

    async def test_pages_follow_each_other_through_all_queues(self, desk: Desk) -> None:
        for number in range(6):
            targets = [mail(f"person-{place}@example.com") for place in range(3)]
            await desk.accept(events.completed(operationId=f"op-{number}"), *targets)

        rows = await every(Waiting(desk).page, CHANNELS, desk.clock(), limit=4)

        assert len(rows) == len({row.id for row in rows}) == 18

    async def test_a_bundle_says_how_much_it_shows(self, desk: Desk) -> None:
        for number in range(3):
            await desk.accept(events.completed(operationId=f"op-{number}"), room())
        await desk.submit(Take("slack", 20, "quiet", {"*": Window(desk.clock(), desk.clock() + 3600)}))

        (row,) = await every(Waiting(desk).page, CHANNELS, desk.clock())

        assert (row.kind, row.state, row.entries, row.due) == ("roundup", "later", 3, desk.clock() + 3600)
        assert await Admin(desk).queued(CHANNELS) == {"email": 0, "slack": 1}
        assert await Admin(desk).waiting(CHANNELS, desk.clock()) == {"email": 0, "slack": 0}

    async def test_what_is_broken_says_how_much_waits_for_it(self, desk: Desk) -> None:
        began = desk.clock()
        await each_state(desk)
        admin = Admin(desk)

        assert await admin.paused([SCOPE, "channel:slack"]) == {SCOPE: (began, "is_archived")}
        assert await admin.parked(CHANNELS, [SCOPE]) == {SCOPE: 1}
        assert await admin.oldest_due(CHANNELS) == {"email": began, "slack": began + 60}
        assert await admin.stranded(["slack"]) == {"email": 2}
        assert await admin.throttled() == {}
        assert ((await admin.ledger()).imbalance, (await admin.ledger()).counts["pending"]) == (0, 6)
        states = await Reachability(desk).of([SCOPE, "channel:slack"], CHANNELS)
        assert states[SCOPE] == State("failing", began, "is_archived", parked=1)
        assert states["channel:slack"].name == "never_tried"

    async def test_a_pause_is_known_since_when_it_began(self, desk: Desk) -> None:
        began, pause = desk.clock(), PauseScope("channel:slack", 60_000, "invalid_auth", probe=True)
        await desk.accept(events.failed(), room())
        for _ in range(3):
            await desk.fail(await desk.take_one(), 60, "invalid_auth", refund_attempt=True, pauses=(pause,))
            desk.clock.advance(90.0)

        scopes = ["channel:slack", "channel:email"]
        assert await Admin(desk).paused(scopes) == {"channel:slack": (began, "invalid_auth")}
        await desk.send()
        assert await Admin(desk).paused(scopes) == {}

    async def test_a_destination_that_a_person_paused(self, desk: Desk) -> None:
        pauses, began = OperatorPauses(desk), desk.clock()
        await pauses.pause("room", "cleaning", "ann", seconds=60)
        await pauses.pause("team", "moving", "bob")

        room_s = State("paused", began, "cleaning", by="ann", until=began + 60)
        team_s = State("paused", began, "moving", by="bob")
        assert await pauses.all(began) == {"room": room_s, "team": team_s}
        assert await pauses.all(began + 60) == {"team": team_s}
        assert await Admin(desk).paused(["operator:room"]) == {"operator:room": (began, "cleaning")}
        assert await pauses.resume("room")
        assert not await pauses.resume("room")


async def test_an_address_on_the_list(desk: Desk) -> None:
    listed = Suppressions(desk)
    assert await listed.add("Ann@example.com", "team", reason="bounced", detail="550 no such user")
    assert await listed.add("bob@example.com")
    assert not await listed.add("BOB@example.com")

    assert [entry.address for entry in await listed.all()] == ["bob@example.com", "Ann@example.com"]
    assert [(entry.destination, entry.detail) for entry in await listed.find("ann@example.com")] == [
        ("team", "550 no such user")
    ]
    assert await listed.reason("team", "ANN@example.com") == "bounced"
    assert await listed.reason("room", "ann@example.com") == ""
    assert [*await listed.among("team", ["ann@example.com", "c@example.com"])] == ["ann@example.com"]
    assert await listed.remove("ann@example.com", "team")
    assert await listed.find("ann@example.com") == []
