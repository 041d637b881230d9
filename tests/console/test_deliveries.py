"""Deliveries in the console: how each ended, what waits and why, and what it says or would say."""

from typing import Any

from relay.console.views.digests import words_of
from relay.domain.deliveries import Receipt
from relay.policy.retry import Pause
from relay.store import Store
from tests.support import events
from tests.support.clock import Clock
from tests.support.console import console
from tests.support.queue import POSTED, accept, claim, claim_one, send
from tests.support.targets import mail, room, team

LINK = "https://example.slack.com/archives/C1/p1"
# What the list has in answer to a question.
FILTERED = {
    "destination=analysts": ["by-mail"],
    "state=dead": ["dies"],
    "since=150s": ["dies", "posted"],
    "until=150s": ["by-mail"],
    "state=waiting": [],
}


async def test_each_says_how_it_ended_and_is_found_by_that(store: Store, clock: Clock) -> None:
    await accept(store, events.completed(operationId="by-mail"), to=mail())
    clock.advance(2)
    await send(store, "email", Receipt("250 2.0.0 <i>Ok</i>"))
    clock.advance(60)
    await accept(store, events.completed(operationId="posted"), to=room())
    await send(store, receipt=Receipt(LINK, POSTED.thread))
    clock.advance(60)
    await accept(store, events.completed(operationId="dies"), to=room())
    await store.dead_letter(await claim_one(store), "rejected", "channel_not_found")
    clock.advance(60)
    async with console(store, clock) as page:
        rows, html = (await page.api("/deliveries"))["rows"], await page.page("/deliveries")
        filtered = {
            query: [row["operation"] for row in (await page.api(f"/deliveries?{query}"))["rows"]] for query in FILTERED
        }
        assert [(row["operation"], row["state"], row["answer"], row["link"]) for row in rows] == [
            ("dies", "dead", "channel_not_found", ""),
            ("posted", "delivered", "", LINK),
            ("by-mail", "delivered", "250 2.0.0 <i>Ok</i>", ""),
        ]
        assert (rows[0]["why"], rows[2]["took"], rows[2]["attempts"]) == ("refused for good", 2.0, 1)
        assert filtered == FILTERED
        for part in (f'href="{LINK}"', "250 2.0.0 &lt;i&gt;Ok&lt;/i&gt;", "/console/dead-letter?id="):
            assert part in html


async def test_what_waits_says_for_what(store: Store, clock: Clock) -> None:
    await accept(store, events.completed(operationId="again"), to=mail())
    delivery = await claim_one(store, "email")
    await store.mark_sending(delivery)
    await store.reschedule(delivery, 60, "451 try later")
    await accept(store, events.completed(operationId="now"), to=room())
    await accept(store, events.progress(10, operationId="live"), to=team())
    async with console(store, clock) as page:
        facts = await page.api("/deliveries?state=waiting")
        [again] = (await page.api("/deliveries?state=retrying"))["rows"]
        [live] = (await page.api("/operation?id=live"))["deliveries"]
    assert {(row["operation"], row["state"], row["answer"]) for row in facts["rows"]} == {
        ("again", "retrying", "451 try later"), ("now", "due", ""), ("live", "due", ""),
    }  # fmt: skip
    assert facts["waiting"] == {"email": 1, "slack": 2}
    assert (again["operation"], live["operation"], live["state"]) == ("again", "live", "due")


async def test_what_is_paused_says_why_and_since_when(store: Store, clock: Clock) -> None:
    for subject in ("first", "second"):
        await accept(store, events.completed(operationId=subject), to=room())
    first, second = await claim(store)
    await store.mark_sending(first)
    await store.reschedule(first, 60, "is_archived", holds=[Pause("destination:room/#room", 60, "is_archived")])
    await store.release(second)
    await accept(store, events.completed(operationId="removed"), to=mail())
    clock.advance(30)
    async with console(store, clock) as page:  # whose configuration has no such address
        assert await claim(store, "email") == await claim(store) == []
        rows = {row["operation"]: row for row in (await page.api("/deliveries?state=parked"))["rows"]}
        html = await page.page("/deliveries?state=parked")
    assert (rows["second"]["why"], rows["second"]["paused"]) == ("is_archived", "2024-01-20T11:20:00Z")
    assert rows["removed"]["reason"] == "destination_removed"
    assert "destination:room/#room: is_archived, since" in html
    assert "the newest configuration does not have analyst@example.com there any more" in html


def test_words_of_a_message_are_those_of_its_blocks() -> None:
    blocks: list[dict[str, Any]] = [
        {"type": "section", "text": {"type": "mrkdwn", "text": "first"}, "fields": [{"text": "second"}]},
        {"type": "context", "elements": [{"text": "third"}]},
    ]
    assert words_of({"text": "plain", "blocks": blocks}) == "plain\n\nfirst\n\nsecond\n\nthird"
    dated = "*a* &amp; b <!date^1705749480^{date}|20 Jan> <https://example.com/x|here>"
    assert words_of({"text": dated, "blocks": []}) == "*a* & b 20 Jan here (https://example.com/x)"
    assert words_of({"own": 1}) == '{\n  "own": 1\n}'
