"""Why did (or didn't) this message arrive? For each way in which it may not."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from relay import metrics
from relay.domain.deliveries import Receipt
from relay.policy.retry import Pause
from relay.policy.silences import Silences
from relay.store import Store
from relay.store.queries.admin import Admin
from relay.store.queries.reachability import OperatorPauses
from relay.store.queries.silences import SilenceList
from relay.store.queries.suppressions import Suppressions
from tests.support.clock import Clock
from tests.support.console import Open, console, more_destinations
from tests.support.events import body, event_of
from tests.support.queue import claim, claim_one, send, send_all
from tests.support.silences import silence

LINK = "https://acme.slack.com/archives/C1/p1705749600"


async def take(page: Open, name: str, percentage: float, tenant: str, **operation: Any) -> None:
    await page.ingest.ingest(
        event_of(body(name, percentage, **{"operationId": "op-1"} | operation) | {"tenantId": tenant})
    )


async def verdict(page: Open, destination: str, id_: str = "op-1") -> Any:
    facts = await page.api(f"/operation?id={id_}")
    return next(row for row in facts["verdicts"] if row["destination"] == destination)


def words(html: str) -> str:
    """Return the page's text."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


async def started(page: Open, tenant: str = "room") -> Any:
    """An operation began, and its message is about to be sent."""
    await take(page, "operation.started", 0, tenant, status="Initiated")
    return await claim_one(page.context.store)


async def completed(page: Open, tenant: str = "room") -> None:
    await take(page, "operation.completed", 100, tenant, status="Completed")


async def arrives(page: Open) -> None:
    await take(page, "operation.started", 0, "room", status="Initiated")
    await send(page.context.store, "slack", Receipt(LINK, {"channel": "C1", "ts": "1.1"}))


async def moves_too_little(page: Open) -> None:
    await take(page, "operation.progress", 60, "steps")
    await send(page.context.store, "email", Receipt("250 Ok"))
    await take(page, "operation.progress", 67, "steps")


async def is_held_before_the_one_before_it_arrived(page: Open) -> None:
    await take(page, "operation.progress", 60, "steps")
    await take(page, "operation.progress", 67, "steps")
    assert isinstance(page.context.clock, Clock)
    page.context.clock.advance(1)
    await send(page.context.store, "email", Receipt("250 Ok"))


async def matches_no_rule(page: Open) -> None:
    await take(page, "operation.progress", 5, "nobody")


async def dies(page: Open) -> None:
    await page.context.store.dead_letter(await started(page), "rejected", "channel_not_found")


async def dies_before_progress_is_held(page: Open) -> None:
    await take(page, "operation.progress", 60, "steps")
    await page.context.store.dead_letter(await claim_one(page.context.store, "email"), "rejected", "550 no such user")
    await take(page, "operation.progress", 67, "steps")


async def is_parked(page: Open, scope: str, reason: str, **more: Any) -> None:
    pause = Pause(scope, 300.0, reason, probe=True)
    await page.context.store.reschedule(await started(page), 300.0, reason, holds=[pause], **more)


async def waits_for_its_address(page: Open) -> None:
    await is_parked(page, "destination:room/#room", "channel_not_found")


async def waits_for_a_limit(page: Open) -> None:
    await is_parked(page, "limit:slack:post:#room", "429 from Slack: Retry-After 300", refund_attempt=True)


async def waits_for_an_operator(page: Open) -> None:
    await OperatorPauses(page.context.store).pause("room", "upgrade of the workspace", "ana")
    await take(page, "operation.started", 0, "room", status="Initiated")
    assert await claim(page.context.store) == []  # which parks it


async def fails_once(page: Open) -> None:
    delivery = await started(page)
    await page.context.store.mark_sending(delivery)
    await page.context.store.reschedule(delivery, 60.0, "503 from Slack")


async def is_unsubscribed_from(page: Open) -> None:
    await Suppressions(page.context.store).add("english@example.com", "english", reason="unsubscribed")
    await completed(page, "mail")


@dataclass(frozen=True)
class Case:
    """A verdict: what befalls the message, and what is said of it. `advice` begins that."""

    befalls: Callable[[Open], Awaitable[None]]
    destination: str
    state: str
    why: str | None = None
    more: str | None = None
    page: str = ""
    advice: str = ""


TOO_LITTLE = "it has not moved far enough since it was last told here"
ROOM = "/console/destination?name=room"
CASES: Mapping[str, Case] = {
    "arrived": Case(arrives, "room", "told"),
    "too little": Case(moves_too_little, "english", "told", TOO_LITTLE, None, "#rules"),
    "too little, and the one before was late": Case(
        is_held_before_the_one_before_it_arrived, "english", "told", TOO_LITTLE, None, "#rules"
    ),
    "no rule": Case(matches_no_rule, "", "nobody", "no rule matches, so nobody is told", None, "#rules"),
    "dead": Case(dies, "room", "dead", "refused for good", "channel_not_found", "/console/dead-letter?id="),
    "dead, and progress after it is held": Case(
        dies_before_progress_is_held, "english", "dead", "refused for good", None, "/console/dead-letter?id="
    ),
    "address paused": Case(
        waits_for_its_address, "room", "waiting", "its destination is paused: channel_not_found", None, ROOM,
        "It goes out by itself",
    ),
    "operator's pause": Case(
        waits_for_an_operator, "room", "waiting", "somebody has paused its destination: upgrade of the workspace",
        None, ROOM, "It goes out once somebody resumes it",
    ),
    "limit": Case(
        waits_for_a_limit, "room", "waiting",
        "the other side takes no more for now: 429 from Slack: Retry-After 300", None, ROOM,
    ),
    "failed": Case(fails_once, "room", "waiting", "attempt 1 failed, and it is tried again", "503 from Slack"),
    "unsubscribed": Case(
        is_unsubscribed_from, "english", "held", "the reader of english@example.com has unsubscribed", None,
        "/console/destination?name=english",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
async def test_each_way_says_why_and_leads_to_what_can_be_done(store: Store, clock: Clock, name: str) -> None:
    case = CASES[name]
    async with console(store, clock) as page:
        await case.befalls(page)
        row, text = await verdict(page, case.destination), words(await page.page("/operation?id=op-1"))

    assert (row["state"], row["why"] and row["why"]["text"]) == (case.state, case.why)
    assert case.more is None or row["more"]["text"] == case.more
    assert row["page"].startswith(case.page)
    assert (row["advice"] or {"text": ""})["text"].startswith(case.advice)
    assert (case.why or "Open the message") in text
    assert (case.more or "") in text


async def test_progress_is_said_to_lack_what_its_rule_held_it_for(store: Store, clock: Clock, tmp_path: Path) -> None:
    rule = (
        "  - {name: twice, events: [operation.progress], tenants: [twice], min_progress_increment: 10,"
        " min_interval: 10m, notify: [english]}"
    )
    async with console(store, clock, config=more_destinations(tmp_path, "", rule)) as page:
        await take(page, "operation.progress", 60, "twice")
        await send(store, "email", Receipt("250 Ok"))
        clock.advance(30)
        await take(page, "operation.progress", 90, "twice")

        too_soon = await verdict(page, "english")
        assert too_soon["why"]["text"] == "too little time has passed since it was last told here"


async def test_what_one_address_did_not_get_is_said_though_another_did(store: Store, clock: Clock) -> None:
    async with console(store, clock) as page:
        await completed(page, "pair")
        gone, here = sorted(await claim(store, "email"), key=lambda delivery: delivery.address)
        for delivery in (gone, here):
            await store.mark_sending(delivery)
        await store.dead_letter(gone, "rejected", "550 no such user")
        await store.complete(here, Receipt("250 Ok"))

        row = await verdict(page, "pair")
        [event] = (await page.api("/operation?id=op-1"))["events"]

        assert (row["state"], row["more"]["text"]) == ("dead", "gone@example.com: 550 no such user")
        assert (bool(row["told_at"]), row["page"]) == (True, f"/console/dead-letter?id={gone.id}")
        misses = [sum(not one["holds"] for one in rule["conditions"]) for rule in event["explanation"]["rules"]]
        assert misses == sorted(misses)
        assert misses[0] < misses[-1]


async def test_who_unsubscribed_is_named_though_the_destinations_others_were_told(store: Store, clock: Clock) -> None:
    await Suppressions(store).add("gone@example.com", "pair", reason="unsubscribed")
    async with console(store, clock) as page:
        await completed(page, "pair")
        await send(store, "email", Receipt("250 Ok"))
        row = await verdict(page, "pair")
        assert row["state"] == "told"
        assert [line["text"] for line in row["left_out"]] == ["the reader of gone@example.com has unsubscribed"]
        assert "the reader of gone@example.com has unsubscribed" in words(await page.page("/operation?id=op-1"))


@pytest.mark.parametrize("replayed", [False, True])
async def test_a_live_message_that_was_edited_since_an_edit_died_is_current(
    store: Store, clock: Clock, replayed: bool
) -> None:
    async with console(store, clock) as page:
        await take(page, "operation.progress", 1, "live", status="Running")
        await send_all(store, clock)
        await take(page, "operation.progress", 21, "live", status="Running")
        edit = await claim_one(store)
        await store.dead_letter(edit, "rejected", "cant_update_message")
        assert (await verdict(page, "team"))["state"] == "dead"

        clock.advance(1)
        if replayed:
            await Admin(store).replay([edit.id])
        else:
            await take(page, "operation.progress", 41, "live", status="Running")
        assert len(await send_all(store, clock)) == 1

        assert (await verdict(page, "team"))["state"] == "told"


async def test_a_reply_that_died_stays_so_where_the_message_above_it_is_edited(store: Store, clock: Clock) -> None:
    async with console(store, clock) as page:
        await take(page, "operation.progress", 1, "live", status="Running")
        await send_all(store, clock)
        await completed(page, "live")
        edit = await claim_one(store)
        clock.advance(4)
        reply = await claim_one(store)  # which waits for the edit for a while
        await store.dead_letter(reply, "rejected", "restricted_action")
        clock.advance(1)
        await store.mark_sending(edit)
        await store.complete(edit, Receipt("ok", {"channel": "C1", "ts": "op-1"}))

        row = await verdict(page, "team")

        assert (row["state"], row["page"]) == ("dead", f"/console/dead-letter?id={reply.id}")


@pytest.mark.parametrize("destination", ["room", "german"])
async def test_a_silence_says_whose_it_is_where_it_holds_it(store: Store, clock: Clock, destination: str) -> None:
    quiet = silence(clock(), destinations=(destination,))
    await SilenceList(store).add(quiet)
    async with console(store, clock) as page:
        page.ingest.silences = Silences([quiet])
        await completed(page)
        facts, html = await page.api("/operation?id=op-1"), await page.page("/operation?id=op-1")

    holds = destination == "room"
    assert [row["id"] for row in facts["silences"]] == ([quiet.id] if holds else [])
    assert (quiet.reason in html) is holds


async def test_who_asks_for_an_unknown_id_is_offered_what_is_near(store: Store, clock: Clock) -> None:
    metrics.events.labels("async-operations", "unsigned").inc()
    async with console(store, clock) as page:
        await take(page, "operation.started", 0, "room", status="Initiated")
        async with page.client.get(page.server.make_url("/console/operation?id=OP-1")) as response:
            html = await response.text()
        assert response.status == 404
        assert 'href="/console/operations?text=OP-1"' in html
        assert [row["operation"] for row in (await page.api("/operations?text=OP-1"))["rows"]] == ["op-1"]
        assert 'href="/console/now#sources"' in html
        async with page.client.get(page.server.make_url("/api/v1/operation?id=OP-1")) as response:
            assert response.status == 404


async def test_an_id_that_several_use_is_a_choice(store: Store, clock: Clock) -> None:
    async with console(store, clock) as page:
        for tenant in ("room", "live"):
            await take(page, "operation.started", 0, tenant, status="Initiated")
        facts = await page.api("/operation?id=op-1")
        details = {other["detail"] for other in facts["several"]}
        assert details == {f"tenant {tenant}, project project-1" for tenant in ("room", "live")}
        assert "Which one is meant?" in await page.page("/operation?id=op-1")
        assert (await page.api("/operation?id=op-1&tenant=live&project=project-1"))["tenant"] == "live"
