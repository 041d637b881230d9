"""Why did (or didn't) this message arrive? For each way in which it may not."""

import re
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from relay import metrics
from relay.domain.deliveries import Delivery, Receipt
from relay.policy.retry import Pause
from relay.policy.silences import Silences
from relay.store import Store
from relay.store.queries.admin import Admin
from relay.store.queries.reachability import OperatorPauses
from relay.store.queries.silences import SilenceList
from relay.store.queries.suppressions import Suppressions
from tests.support.clock import Clock
from tests.support.console import Open, console, more_destinations
from tests.support.queue import claim, claim_one, send, send_all
from tests.support.silences import silence

LINK = "https://acme.slack.com/archives/C1/p1705749600"
SENT = Receipt("250 Ok")


async def started(page: Open, tenant: str = "room") -> Delivery:
    """An operation began, and its message is about to be sent."""
    await page.take("started", 0, tenant, status="Initiated", operationId="op-1")
    return await claim_one(page.context.store)


async def completed(page: Open, tenant: str = "room") -> None:
    await page.take("completed", 100, tenant, status="Completed", operationId="op-1")


async def moved(page: Open, percentage: float, tenant: str = "steps") -> None:
    await page.take("progress", percentage, tenant, status="Running", operationId="op-1")


async def verdict(page: Open, destination: str) -> Any:
    facts = await page.api("/operation?id=op-1")
    return next(row for row in facts["verdicts"] if row["destination"] == destination)


def words(html: str) -> str:
    """Return the page's text."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


async def arrives(page: Open) -> None:
    await page.take("started", 0, "room", status="Initiated", operationId="op-1")
    await send(page.context.store, "slack", Receipt(LINK, {"channel": "C1", "ts": "1.1"}))


async def moves_too_little(page: Open) -> None:
    await moved(page, 60)
    await send(page.context.store, "email", SENT)
    await moved(page, 67)


async def is_held_before_the_one_before_it_arrived(page: Open) -> None:
    await moved(page, 60)
    await moved(page, 67)
    assert isinstance(page.context.clock, Clock)
    page.context.clock.advance(1)
    await send(page.context.store, "email", SENT)


async def matches_no_rule(page: Open) -> None:
    await moved(page, 5, "nobody")


async def dies(page: Open) -> None:
    await page.context.store.dead_letter(await started(page), "rejected", "channel_not_found")


async def dies_before_progress_is_held(page: Open) -> None:
    await moved(page, 60)
    await page.context.store.dead_letter(await claim_one(page.context.store, "email"), "rejected", "550 no such user")
    await moved(page, 67)


def waits_for(scope: str, reason: str, **more: Any) -> Callable[[Open], Awaitable[None]]:
    async def befalls(page: Open) -> None:
        pause = Pause(scope, 300.0, reason, probe=True)
        await page.context.store.reschedule(await started(page), 300.0, reason, holds=[pause], **more)

    return befalls


async def waits_for_an_operator(page: Open) -> None:
    await OperatorPauses(page.context.store).pause("room", "upgrade of the workspace", "ana")
    await page.take("started", 0, "room", status="Initiated", operationId="op-1")
    assert await claim(page.context.store) == []  # which parks it


async def fails_once(page: Open) -> None:
    delivery = await started(page)
    await page.context.store.mark_sending(delivery)
    await page.context.store.reschedule(delivery, 60.0, "503 from Slack")


async def is_unsubscribed_from(page: Open) -> None:
    await Suppressions(page.context.store).add("english@example.com", "english", reason="unsubscribed")
    await completed(page, "mail")


class Case(NamedTuple):
    """A verdict: what befalls the message, and what is said of it. `advice` begins that."""

    befalls: Callable[[Open], Awaitable[None]]
    destination: str
    state: str
    why: str | None = None
    more: str | None = None
    page: str = ""
    advice: str = ""


TOO_LITTLE = "it has not moved far enough since it was last told here"
LETTER, ROOM, ENGLISH = (
    "/console/dead-letter?id=",
    "/console/destination?name=room",
    "/console/destination?name=english",
)
CASES: Mapping[str, Case] = {
    "arrived": Case(arrives, "room", "told"),
    "too little": Case(moves_too_little, "english", "told", TOO_LITTLE, None, "#rules"),
    "too little, and the one before was late": Case(
        is_held_before_the_one_before_it_arrived, "english", "told", TOO_LITTLE, None, "#rules"
    ),
    "no rule": Case(matches_no_rule, "", "nobody", "no rule matches, so nobody is told", None, "#rules"),
    "dead": Case(dies, "room", "dead", "refused for good", "channel_not_found", LETTER),
    "dead, and progress after it is held": Case(
        dies_before_progress_is_held, "english", "dead", "refused for good", None, LETTER
    ),
    "address paused": Case(
        waits_for("destination:room/#room", "channel_not_found"), "room", "waiting",
        "its destination is paused: channel_not_found", None, ROOM, "It goes out by itself",
    ),
    "operator's pause": Case(
        waits_for_an_operator, "room", "waiting", "somebody has paused its destination: upgrade of the workspace",
        None, ROOM, "It goes out once somebody resumes it",
    ),
    "limit": Case(
        waits_for("limit:slack:post:#room", "429 from Slack: Retry-After 300", refund_attempt=True), "room", "waiting",
        "the other side takes no more for now: 429 from Slack: Retry-After 300", None, ROOM,
    ),
    "failed": Case(fails_once, "room", "waiting", "attempt 1 failed, and it is tried again", "503 from Slack"),
    "unsubscribed": Case(
        is_unsubscribed_from, "english", "held", "the reader of english@example.com has unsubscribed", None, ENGLISH
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
async def test_each_way_says_why_and_leads_to_what_can_be_done(page: Open, name: str) -> None:
    case = CASES[name]
    await case.befalls(page)
    row, text = await verdict(page, case.destination), words(await page.page("/operation?id=op-1"))

    assert (row["state"], row["why"] or None) == (case.state, case.why)
    assert case.more is None or row["more"] == case.more
    assert row["page"].startswith(case.page)
    assert row["advice"].startswith(case.advice)
    assert (case.why or "Open the message") in text
    assert LINK not in text  # it is a link, also in the timeline
    assert (case.more or "") in text


async def test_progress_is_said_to_lack_what_its_rule_held_it_for(store: Store, clock: Clock, tmp_path: Path) -> None:
    rule = (
        "  - {name: twice, events: [operation.progress], tenants: [twice], min_progress_increment: 10,"
        " min_interval: 10m, notify: [english]}"
    )
    async with console(store, clock, config=more_destinations(tmp_path, "", rule)) as page:
        await moved(page, 60, "twice")
        await send(store, "email", SENT)
        clock.advance(30)
        await moved(page, 90, "twice")

        too_soon = await verdict(page, "english")
        assert too_soon["why"] == "too little time has passed since it was last told here"


async def test_notes_stand_below_the_rules(page: Open) -> None:
    await moved(page, 60)
    await page.take("started", 0, "live", status="Running", operationId="op-2", batchId="50 %")
    notes = {}
    for id_ in ("op-1", "op-2"):
        [event] = (await page.api(f"/operation?id={id_}"))["events"]
        [destination] = event["explanation"]["destinations"]
        notes[id_] = destination["holds"]
        html = words(await page.page(f"/operation?id={id_}"))
        assert all(note in html for note in notes[id_])

    assert "progress waits for its rule (min_progress_increment 10)" in notes["op-1"][0]
    assert "100 % always passes" in notes["op-1"][0]
    assert "if batch 50 % has a message here, it is told by its edits alone" in notes["op-2"]


async def test_what_one_address_did_not_get_is_said_though_another_did(page: Open, store: Store) -> None:
    await completed(page, "pair")
    gone, here = sorted(await claim(store, "email"), key=lambda delivery: delivery.address)
    for delivery in (gone, here):
        await store.mark_sending(delivery)
    await store.dead_letter(gone, "rejected", "550 no such user")
    await store.complete(here, SENT)

    row = await verdict(page, "pair")
    [event] = (await page.api("/operation?id=op-1"))["events"]

    assert (row["state"], row["more"]) == ("dead", "gone@example.com: 550 no such user")
    assert (bool(row["told_at"]), row["page"]) == (True, f"{LETTER}{gone.id}")
    misses = [sum(not one["holds"] for one in rule["conditions"]) for rule in event["explanation"]["rules"]]
    assert misses == sorted(misses)
    assert misses[0] < misses[-1]


async def test_who_unsubscribed_is_named_though_the_destinations_others_were_told(page: Open, store: Store) -> None:
    await Suppressions(store).add("gone@example.com", "pair", reason="unsubscribed")
    await completed(page, "pair")
    await send(store, "email", SENT)
    row = await verdict(page, "pair")
    assert row["state"] == "told"
    assert row["left_out"] == ["the reader of gone@example.com has unsubscribed"]
    assert row["left_out"][0] in words(await page.page("/operation?id=op-1"))


@pytest.mark.parametrize("replayed", [False, True])
async def test_a_live_message_that_was_edited_since_an_edit_died_is_current(
    page: Open, store: Store, clock: Clock, replayed: bool
) -> None:
    await moved(page, 1, "live")
    await send_all(store, clock)
    await moved(page, 21, "live")
    edit = await claim_one(store)
    await store.dead_letter(edit, "rejected", "cant_update_message")
    assert (await verdict(page, "team"))["state"] == "dead"

    clock.advance(1)
    await (Admin(store).replay([edit.id]) if replayed else moved(page, 41, "live"))
    assert len(await send_all(store, clock)) == 1

    assert (await verdict(page, "team"))["state"] == "told"


async def test_a_reply_that_died_stays_so_where_the_message_above_it_is_edited(
    page: Open, store: Store, clock: Clock
) -> None:
    await moved(page, 1, "live")
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

    assert (row["state"], row["page"]) == ("dead", f"{LETTER}{reply.id}")


@pytest.mark.parametrize("destination", ["room", "german"])
async def test_a_silence_says_whose_it_is_where_it_holds_it(page: Open, clock: Clock, destination: str) -> None:
    quiet = silence(clock(), destinations=(destination,))
    await SilenceList(page.context.store).add(quiet)
    page.ingest.silences = Silences([quiet])
    await completed(page)
    facts, html = await page.api("/operation?id=op-1"), await page.page("/operation?id=op-1")

    holds = destination == "room"
    assert [row["id"] for row in facts["silences"]] == ([quiet.id] if holds else [])
    assert ("silence s-1 held it" in words(html), quiet.reason in html) == (holds, holds)


async def test_who_asks_for_an_unknown_id_is_offered_what_is_near(page: Open) -> None:
    metrics.events.labels("async-operations", "unsigned").inc()
    await page.take("started", 0, "room", status="Initiated", operationId="op-1")
    status, html = await page.ask("/console/operation?id=OP-1")
    assert (status, (await page.ask("/api/v1/operation?id=OP-1"))[0]) == (404, 404)
    assert 'href="/console/operations?text=OP-1"' in html
    assert [row["operation"] for row in (await page.api("/operations?text=OP-1"))["rows"]] == ["op-1"]
    assert 'href="/console/now#sources"' in html


async def test_the_search_finds_runs_by_a_part_of_their_names(page: Open) -> None:
    await page.take("started", 0, "room", status="Initiated", operationId="op-1", operationName="Month-end close")
    _, html = await page.ask("/console/operation?id=month-END")

    assert re.findall(r'href="([^"]+)">Month-end close<', html) == [
        "/console/operation?id=op-1&amp;tenant=room&amp;project=project-1"
    ]


async def test_an_id_that_several_use_is_a_choice(page: Open) -> None:
    for tenant in ("room", "live"):
        await page.take("started", 0, tenant, status="Initiated", operationId="op-1")
    details = {other["detail"] for other in (await page.api("/operation?id=op-1"))["several"]}
    assert details == {f"tenant {tenant}, project project-1" for tenant in ("room", "live")}
    assert "Which one is meant?" in await page.page("/operation?id=op-1")
    assert (await page.api("/operation?id=op-1&tenant=live&project=project-1"))["tenant"] == "live"


async def test_whom_a_rule_missed_by_one_condition_is_named_with_it(store: Store, clock: Clock, tmp_path: Path) -> None:
    rules = """\
  - {name: grave, events: [operation.failed], priorities: [High, Critical], notify: [english, room]}
  - {name: reports, events: ["operation.*"], operation_types: [Report], notify: [german]}
  - {name: elsewhere, events: ["operation.*"], tenants: [other], notify: [pair]}
  - {name: ends, events: [operation.completed], notify: [team]}
"""
    async with console(store, clock, config=more_destinations(tmp_path, "", rules)) as page:
        run = {"status": "Failed", "operationId": "op-1", "operationType": "Load", "priority": ""}
        await page.take("failed", 60, "room", **run)
        rows = (await page.api("/operation?id=op-1"))["verdicts"]
        html = words(await page.page("/operation?id=op-1"))

    assert {row["destination"]: (row["state"], row["why"]) for row in rows} == {
        "room": ("waiting", "it is in the queue"),
        "english": ("held", "the run has no priority (the rule wants High, Critical)"),
        "german": ("held", "operation_types is Load (the rule wants Report)"),
    }
    assert "english not told the run has no priority (the rule wants High, Critical)" in html
