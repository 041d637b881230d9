"""Dead letters in the console: why each is there, and replaying or dropping one, some, or all that match."""

import re
from typing import Any

import pytest

from relay.store import Store
from relay.store.queries.admin import Admin
from relay.store.queries.reachability import OperatorPauses
from relay.store.queries.silences import SilenceList
from relay.store.queries.suppressions import BOUNCED, Suppressions
from tests.support import events, records
from tests.support.audit import acts_of
from tests.support.clock import Clock
from tests.support.console import console
from tests.support.queue import accept, claim
from tests.support.silences import HOUR, silence
from tests.support.targets import mail, room


async def bury(store: Store, *subjects: str, reason: str = "rejected", to: Any = None) -> list[str]:
    """A completion of each, which its channel refuses for good; their ids, newest first."""
    target = to or room()
    for subject in subjects:
        await accept(store, events.completed(operationId=subject, operationName=f"Mining of {subject}"), to=target)
        for delivery in await claim(store, target.channel):
            await store.dead_letter(delivery, reason, "<b>channel_not_found</b>")
    return [letter.id for letter in await Admin(store).dead()]


async def left(store: Store) -> set[str]:
    return {letter.subject for letter in await Admin(store).dead()}


async def test_each_says_why_it_is_dead_and_what_to_do(store: Store, clock: Clock) -> None:
    [name] = await bury(store, "op-1")
    async with console(store, clock) as open_console:
        facts = await open_console.api("/dead")
        [row] = facts["rows"]
        assert facts["total"] == 1
        assert (row["id"], row["operation"], row["name"], row["destination"]) == (
            name,
            "op-1",
            "Mining of op-1",
            "room",
        )
        assert (row["reason"], row["why"], row["error"]) == (
            "rejected",
            "refused for good",
            "<b>channel_not_found</b>",
        )
        assert "Mend what the answer names" in row["advice"]
        page = await open_console.page("/dead")
        assert "Mining of op-1" in page
        assert "&lt;b&gt;channel_not_found&lt;/b&gt;" in page
        letter = await open_console.page(f"/dead-letter?id={name}")
        assert "Mend what the answer names" in letter
        assert "&#34;event&#34;: &#34;operation.completed&#34;" in letter
        assert "endgültig abgelehnt" in await open_console.page(f"/dead-letter?id={name}&lang=de")


async def test_filters_and_pages(store: Store, clock: Clock) -> None:
    await bury(store, "old", reason="expired")
    clock.advance(7200)
    await bury(store, "by-mail", to=mail())
    await bury(store, *(f"op-{number}" for number in range(51)))
    async with console(store, clock) as open_console:

        async def listed(query: str) -> list[str]:
            return [row["operation"] for row in (await open_console.api(f"/dead?{query}"))["rows"]]

        assert await listed("destination=analysts") == ["by-mail"]
        assert await listed("reason=expired") == ["old"]
        assert await listed("event=operation.f*") == []
        assert "old" not in await listed("since=1h&destination=room")
        first = await open_console.api("/dead?destination=room")
        assert len(first["rows"]) == 50
        second = await listed(f"destination=room&cursor={first['cursor']}")
        assert {row["operation"] for row in first["rows"]} | {*second} == {"old", *(f"op-{n}" for n in range(51))}
        assert len(second) == 2
        assert 'rel="next"' in await open_console.page("/dead")


async def _suppress(store: Store, _: Clock) -> None:
    await Suppressions(store).add("english@example.com", reason=BOUNCED, detail="550 5.1.1 no such user")


async def _pause(store: Store, _: Clock) -> None:
    await OperatorPauses(store).pause("english", "Move", "ana")


async def _break(store: Store, clock: Clock) -> None:
    await records.pause(store, "channel:email", since=int(clock() * 1000), reason="535 who are you")


async def _silence(store: Store, clock: Clock) -> None:
    await SilenceList(store).add(silence(clock() - HOUR, until=clock() + 3 * HOUR, destinations=("english",)))


async def _drop(store: Store, clock: Clock) -> None:
    its = silence(clock() - HOUR, until=clock() + 3 * HOUR, destinations=("english",), then="nothing")
    await SilenceList(store).add(its)


@pytest.mark.parametrize(
    ("befalls", "stays", "says"),
    [
        (_suppress, True, "english@example.com is suppressed (bounced: 550 5.1.1 no such user): "
                          "`relay suppressed remove english@example.com` first"),
        (_pause, False, "it waits: english is paused (Move); `relay resume english` ends that"),
        (_break, False, "it waits until email works again: 535 who are you"),
        (_silence, False, "it waits for the end of silence s-1; `relay silence expire s-1` ends that now"),
        (_drop, True, "silence s-1 would drop it: `relay silence expire s-1` first"),
    ],
)  # fmt: skip
async def test_what_would_keep_it_from_being_sent_is_said_and_what_would_lose_it_refused(
    store: Store, clock: Clock, befalls: Any, *, stays: bool, says: str
) -> None:
    [letter] = await bury(store, "op-1", to=mail("english@example.com", destination="english"))
    await befalls(store, clock)

    async with console(store, clock) as open_console:
        url = open_console.server.make_url("/api/v1/dead/replay")
        async with open_console.client.post(url, json={"id": [letter]}) as response:
            answer = await response.json()

    assert (response.status, answer["done"]) == ((409, False) if stays else (200, True))
    assert answer["notes"] == (f"1 stays: {says}" if stays else f"1: {says}")
    assert await left(store) == ({"op-1"} if stays else set())


async def test_of_all_that_match_those_are_replayed_that_may_be_sent(store: Store, clock: Clock) -> None:
    await bury(store, "op-1", to=mail("english@example.com", destination="english"))
    await bury(store, "op-2")
    await _suppress(store, clock)
    removed = await bury(store, "op-3", to=mail("former@example.com", destination="former"))

    async with console(store, clock) as open_console:
        shown = await open_console.act("/dead/replay", every="true", before=f"{clock() + 1}")

    assert "1 put back into the queue" in shown
    assert "1 stays: english@example.com is suppressed" in shown
    assert "1 stays: the configuration has no former@example.com at former any more" in shown
    assert len(removed) == 3
    assert await left(store) == {"op-1", "op-3"}


async def test_some_are_replayed_and_it_is_written_down(store: Store, clock: Clock) -> None:
    first, second, third = await bury(store, "op-1", "op-2", "op-3")
    async with console(store, clock) as open_console:
        assert "2 put back into the queue" in await open_console.act("/dead/replay", id=[first, second])
        assert {letter.id for letter in await Admin(store).dead()} == {third}
        assert "1 dropped for good" in await open_console.act("/dead/drop", id=third)
        assert "has just replayed or dropped" in await open_console.act("/dead/replay", id=third)
    replay, drop, _ = await acts_of(store.redis)
    assert (replay.actor, replay.action, replay.outcome) == ("ana", "dead replay", "2 of 2")
    assert (drop.action, drop.subject, drop.outcome) == ("dead drop", third[:8], "1 of 1")
    assert replay.detail == {"by": "console (link)"}


async def test_all_that_match_are_counted_first_and_what_dies_later_is_left(store: Store, clock: Clock) -> None:
    await bury(store, *(f"op-{number}" for number in range(60)))
    await bury(store, "by-mail", to=mail())
    clock.advance(1)
    async with console(store, clock) as open_console:
        facts = await open_console.api("/dead/all?destination=room&event=operation.*")
        assert (facts["count"], facts["more"]) == (60, False)
        assert [(row["destination"], row["count"]) for row in facts["of"]] == [("room", 60)]
        page = await open_console.page("/dead/all?verb=drop&destination=room&event=operation.*")
        assert "Drop all dead letters that match for good?" in page
        assert "<dd>60</dd>" in page
        await bury(store, "later")
        assert "60 dropped for good" in await open_console.act("/dead/drop", **confirmed(page))
    assert await left(store) == {"by-mail", "later"}
    [act] = await acts_of(store.redis)
    assert (act.subject, act.outcome) == ("all that match", "60")
    assert (act.detail["destination"], act.detail["event"]) == ("room", "operation.*")


def confirmed(page: str) -> dict[str, str]:
    """Return the fields of the form that acts on all of them."""
    fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.split('class="confirm"')[1]))
    del fields["csrf"]
    return fields
