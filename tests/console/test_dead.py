"""Dead letters in the console: why each is there, and replaying or dropping one, some, or all that match."""

import json
from typing import Any

import pytest

from relay.store import Store
from relay.store.queries.reachability import OperatorPauses
from relay.store.queries.silences import SilenceList
from relay.store.queries.suppressions import BOUNCED, Suppressions
from tests.support import events, records
from tests.support.audit import acts_of
from tests.support.clock import Clock
from tests.support.console import Open, confirmed, console
from tests.support.queue import accept, claim, dead_letters
from tests.support.silences import HOUR, silence
from tests.support.targets import mail, room

ENGLISH = mail("english@example.com", destination="english")


async def bury(store: Store, *subjects: str, reason: str = "rejected", to: Any = None) -> list[str]:
    """A completion of each, which its channel refuses for good; their ids, newest first."""
    target = to or room()
    for subject in subjects:
        await accept(store, events.completed(operationId=subject, operationName=f"Mining of {subject}"), to=target)
        for delivery in await claim(store, target.channel):
            await store.dead_letter(delivery, reason, "<b>channel_not_found</b>")
    return [letter.id for letter in await dead_letters(store)]


async def left(store: Store) -> set[str]:
    return {letter.subject for letter in await dead_letters(store)}


async def test_each_says_why_it_is_dead_and_what_to_do(page: Open, store: Store) -> None:
    [name] = await bury(store, "op-1")
    facts, listed = await page.api("/dead"), await page.page("/dead")
    [row] = facts["rows"]
    assert {"id": name, "operation": "op-1", "name": "Mining of op-1", "destination": "room", "reason": "rejected",
            "why": "refused for good", "error": "<b>channel_not_found</b>"}.items() <= row.items()  # fmt: skip
    assert facts["total"] == 1
    assert "Mend what the answer names" in row["advice"]
    assert "Mining of op-1" in listed
    assert "&lt;b&gt;channel_not_found&lt;/b&gt;" in listed
    letter = await page.page(f"/dead-letter?id={name}")
    assert "Mend what the answer names" in letter
    assert "&#34;event&#34;: &#34;operation.completed&#34;" in letter


async def test_filters_and_pages(store: Store, clock: Clock) -> None:
    await bury(store, "old", reason="expired")
    clock.advance(7200)
    await bury(store, "by-mail", to=mail())
    await bury(store, *(f"op-{number}" for number in range(51)))

    async with console(store, clock) as page:  # which knows of some of them no more

        async def listed(query: str) -> list[str]:
            return [row["operation"] for row in (await page.api(f"/dead?{query}"))["rows"]]

        assert await listed("destination=analysts") == ["by-mail"]
        assert await listed("reason=expired") == ["old"]
        assert await listed("event=operation.f*") == []
        assert "old" not in await listed("since=1h&destination=room")
        first = await page.api("/dead?destination=room")
        second = await listed(f"destination=room&cursor={first['cursor']}")
        assert (len(first["rows"]), len(second)) == (50, 2)
        assert {row["operation"] for row in first["rows"]} | {*second} == {"old", *(f"op-{n}" for n in range(51))}
        assert 'rel="next"' in await page.page("/dead")


async def _suppress(store: Store, _: Clock) -> None:
    await Suppressions(store).add("english@example.com", reason=BOUNCED, detail="550 5.1.1 no such user")


async def _pause(store: Store, _: Clock) -> None:
    await OperatorPauses(store).pause("english", "Move", "ana")


async def _break(store: Store, clock: Clock) -> None:
    records.pause(store, "channel:email", since=int(clock() * 1000), reason="535 who are you")


async def _silence(store: Store, clock: Clock, **then: str) -> None:
    its = silence(clock() - HOUR, until=clock() + 3 * HOUR, destinations=("english",), **then)
    await SilenceList(store).add(its)


async def _drop(store: Store, clock: Clock) -> None:
    await _silence(store, clock, then="nothing")


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
    page: Open, store: Store, clock: Clock, befalls: Any, *, stays: bool, says: str
) -> None:
    [letter] = await bury(store, "op-1", to=ENGLISH)
    await befalls(store, clock)

    status, text = await page.ask("/api/v1/dead/replay", "POST", json={"id": [letter]})

    answer = json.loads(text)
    assert (status, answer["done"]) == ((409, False) if stays else (200, True))
    assert answer["notes"] == (f"1 stays: {says}" if stays else f"1: {says}")
    assert await left(store) == ({"op-1"} if stays else set())


async def test_of_all_that_match_those_are_replayed_that_may_be_sent(store: Store, clock: Clock) -> None:
    await bury(store, "op-1", to=ENGLISH)
    await bury(store, "op-2")
    await _suppress(store, clock)
    assert len(await bury(store, "op-3", to=mail("former@example.com", destination="former"))) == 3

    async with console(store, clock) as page:  # which knows of some of them no more
        shown = await page.act("/dead/replay", every="true", before=f"{clock() + 1}")

        assert "1 put back into the queue" in shown
        assert "1 stays: english@example.com is suppressed" in shown
        assert "1 stays: the configuration has no former@example.com at former any more" in shown
        assert await left(store) == {"op-1", "op-3"}


async def test_some_are_replayed_and_it_is_written_down(page: Open, store: Store) -> None:
    first, second, third = await bury(store, "op-1", "op-2", "op-3")
    assert "2 put back into the queue" in await page.act("/dead/replay", id=[first, second])
    assert {letter.id for letter in await dead_letters(store)} == {third}
    assert "1 dropped for good" in await page.act("/dead/drop", id=third)
    assert "has just replayed or dropped" in await page.act("/dead/replay", id=third)
    replay, drop, _ = await acts_of(store.redis)
    assert (replay.actor, replay.action, replay.outcome) == ("ana", "dead replay", "2 of 2")
    assert (drop.action, drop.subject, drop.outcome) == ("dead drop", third[:8], "1 of 1")
    assert replay.detail == {"by": "console (link)"}


async def test_all_that_match_are_counted_first_and_what_dies_later_is_left(store: Store, clock: Clock) -> None:
    await bury(store, *(f"op-{number}" for number in range(60)))
    await bury(store, "by-mail", to=mail())
    clock.advance(1)
    async with console(store, clock) as page:  # which knows of some of them no more
        facts = await page.api("/dead/all?destination=room&event=operation.*")
        assert (facts["count"], facts["more"]) == (60, False)
        assert [(row["destination"], row["count"]) for row in facts["of"]] == [("room", 60)]
        asked = await page.page("/dead/all?verb=drop&destination=room&event=operation.*")
        assert "Drop all dead letters that match for good?" in asked
        assert "<dd>60</dd>" in asked
        await bury(store, "later")
        assert "60 dropped for good" in await page.act("/dead/drop", **confirmed(asked))
        assert await left(store) == {"by-mail", "later"}
        [act] = await acts_of(store.redis)
        assert (act.subject, act.outcome) == ("all that match", "60")
        assert (act.detail["destination"], act.detail["event"]) == ("room", "operation.*")
