"""Silences in the console: listed with what each holds, begun and ended, and written down."""

import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from relay.store import Store
from relay.store.queries.silences import SilenceList
from tests.support import events
from tests.support.audit import acts_of
from tests.support.auth import TOKEN, TOKENS
from tests.support.clock import Clock
from tests.support.console import Open, console, more_destinations
from tests.support.events import body
from tests.support.queue import POSTED, accept, claim_one, send
from tests.support.redis_server import RedisServer
from tests.support.silences import added, hold, silence
from tests.support.stage import CONFIG, Stage, running, surroundings
from tests.support.targets import room


async def test_those_that_hold_are_shown_with_what_waits_and_the_others_apart(
    page: Open, store: Store, clock: Clock
) -> None:
    now = clock()
    its = silence(now, reason="<b>Upgrade</b>", jobs=("Sales *",))
    await added(store, its)
    await added(store, silence(now, id="s-2", starts=now + 60))
    await accept(store, events.completed(operationId="op-1"), to=room())
    await hold(store, its, await claim_one(store), "later")
    facts, html = await page.api("/silences"), await page.page("/silences")
    assert [(row["id"], row["state"], row["held"]) for row in facts["active"]] == [("s-1", "active", 1)]
    assert [row["id"] for row in facts["pending"]] == ["s-2"]
    assert "&lt;b&gt;Upgrade&lt;/b&gt;" in html
    assert "Sales *" in html
    clock.advance(3601)
    assert "s-1" in [row["id"] for row in (await page.api("/silences"))["over"]]


async def test_a_link_fills_the_form(page: Open) -> None:
    html = await page.page("/silences?destination=room&destination=team&job=Sales&job=%3Cb%3E&lasts=2h")
    for filled in (
        'name="destination" value="room" checked', 'name="destination" value="team" checked',
        "\nSales\n&lt;b&gt;</textarea>", 'name="lasts" value="2h"',
    ):  # fmt: skip
        assert filled in html


async def test_a_link_says_what_the_silence_would_hold(page: Open, store: Store) -> None:
    for number in (1, 2):
        await page.take("progress", 5, "room", operationId=f"op-{number}", operationName=f"Sales {number}")
        await send(store, "slack", POSTED)
    await page.take("completed", 100, "room", operationId="op-3", operationName="HR")
    await send(store, "slack", POSTED)
    for query, runs, messages in (
        ("job=Sales", 2, 2), ("job=sales+1", 1, 1), ("job=HR", 0, 1), ("tenant=none", 0, 0),
        ("destination=room", 2, 3), ("destination=team&type=x", 0, 0), ("everything=true", 2, 3),
    ):  # fmt: skip
        held = (await page.api(f"/silences?{query}"))["withheld"]
        assert (held["runs"], held["messages"], held["more"]) == (runs, messages, False), query
    assert "<b>2 runs now, 2 messages of the last 24 hours</b>" in await page.page("/silences?job=Sales")
    assert (await page.api("/silences"))["withheld"] is None
    assert (await page.api("/silences?everything=true"))["withheld"]["names"] == ["Sales 2", "Sales 1", "HR"]
    assert ": Sales 2, Sales 1, HR" in await page.page("/silences?everything=true")


async def test_a_link_says_what_it_would_hold_of_jobs_that_a_template_names(
    store: Store, clock: Clock, tmp_path: Path
) -> None:
    config = more_destinations(tmp_path, "", 'job: "{operationType} {parameters.dataset}"')
    async with console(store, clock, config=config) as page:
        for name in ("progress", "completed"):  # the second states it in its outcome alone
            await page.take(
                name, 5, "room", operationId=f"op-{name}", operationName="x", operationType="Load",
                parameters={"dataset": "orders 7"},
            )  # fmt: skip
            await send(store, "slack", POSTED)
        for query, runs, messages in (("job=Load+orders", 1, 2), ("job=load+orders+%23", 1, 2), ("job=x", 1, 2)):
            held = (await page.api(f"/silences?{query}"))["withheld"]
            assert (held["runs"], held["messages"]) == (runs, messages), query


async def test_buttons_begin_one_until_tomorrow_morning_or_for_hours_without_a_reason(
    page: Open, store: Store, clock: Clock
) -> None:
    for preset, lasts in (("2h", 7200), ("tomorrow", (24 + 8 - 12) * 3600 - 20 * 60)):
        assert "Silenced until" in await page.act(
            "/silences/add", destination="room", preset=preset, lasts="5h", then="summary"
        )
        begun = (await SilenceList(store).all())[-1]
        assert (begun.until - clock(), begun.reason) == (lasts, ""), preset


async def test_what_was_filled_in_is_there_again_with_why_it_was_refused(page: Open) -> None:
    html = await page.act(
        "/silences/add", back="/console/silences#add", destination=["room", "team"], priority="High",
        job="Sales\r\nHR *", until="tomorrow", then="nothing", reason='Upgrade of "SAP"',
    )  # fmt: skip
    beside = html[html.index('id="add"') :]
    assert "tomorrow: expected for instance 18:00" in beside
    assert html.count("expected for instance 18:00") == 1
    for typed in (
        'name="destination" value="room" checked', 'name="destination" value="team" checked',
        'name="priority" value="High" checked', "\nSales\nHR *</textarea>", 'name="until" value="tomorrow"',
        'value="nothing" selected', 'value="Upgrade of &#34;SAP&#34;"',
    ):  # fmt: skip
        assert typed in beside
    long = await page.act("/silences/add", job="x" * 400 + "\n" + "y" * 7000, lasts="2h", reason="x")
    assert "Nothing was done" in long
    assert await SilenceList(page.context.store).all() == []


async def test_ending_one_says_how_many_are_told(page: Open, store: Store, clock: Clock) -> None:
    now = clock()
    kept, dropped = silence(now, jobs=("Sales *",)), silence(now, id="s-12", jobs=("HR *",), then="nothing")
    for its in (kept, dropped, silence(now, id="s-13")):
        await added(store, its)
    await accept(store, events.completed(operationId="op-1"), to=room())
    await hold(store, kept, await claim_one(store), "later")
    for name, says in (
        ("s-", "Several silences begin with s-"),
        ("s-1", "now sent together: 1."),
        ("s-12", "What it held back is not sent"),
    ):
        assert says in await page.act("/silences/expire", id=name)


async def test_pages_of_what_may_be_silenced_lead_to_the_form_filled_in(page: Open) -> None:
    await page.take("completed", 100, "room", operationId="op-1", operationName="Sales EMEA")
    for path, query in (
        ("/destination?name=room", "destination=room"),
        ("/operation?id=op-1", "job=Sales+EMEA&amp;tenant=room"),
    ):
        assert f'href="/console/silences?{query}' in (await page.page(path)).replace("%20", "+")


async def test_one_is_begun_and_ended_and_both_are_written_down(page: Open, store: Store, clock: Clock) -> None:
    receipt = await page.act("/silences/add", destination="room", priority="High", lasts="2h", reason="Upgrade")
    assert re.search(r"Silenced until <time [^>]*>20 Jan 2024, 14:20:00</time>", receipt)
    (begun,) = await SilenceList(store).all()
    assert (begun.author, begun.destinations, begun.until) == ("ana", ("room",), clock() + 7200)
    for name, says in (
        ("s-none", "There is no silence s-none"),
        (begun.id[:5], "has ended"),
        (begun.id, "over already"),
    ):
        assert says in await page.act("/silences/expire", id=name)
    actions = {(entry.actor, entry.action, entry.outcome) for entry in await acts_of(store.redis)}
    assert {("ana", "silence add", "added"), ("ana", "silence expire", "ended")} <= actions
    assert "priority High" in await page.page("/silences")


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"destination": "rom", "lasts": "2h", "reason": "x"}, "there is no destination rom; did you mean room?"),
        ({"priority": "critcal", "lasts": "2h"}, "there is no priority Critcal; did you mean Critical?"),
        ({"everything": "true", "lasts": "31d"}, "it lasts longer than 30 days"),
        ({"lasts": "2h", "reason": "x"}, "it names nothing that it is for"),
        ({"destination": "room", "reason": "x"}, "when does it end?"),
        ({"destination": "room", "begins": "9999-12-31T23:00", "until": "18:00", "reason": "x"}, "18:00: expected"),
    ],
)
async def test_nonsense_is_refused_in_words(page: Open, fields: dict[str, str], says: str) -> None:
    assert says in await page.act("/silences/add", **fields)
    assert await SilenceList(page.context.store).all() == []


@pytest.mark.slow
async def test_once_it_is_answered_the_next_event_and_the_next_delivery_go_by_it(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    config = tmp_path / "relay.yaml"
    config.write_text(f"{CONFIG.read_text('utf-8')}console:\n{TOKENS}")
    event = body("operation.failed", 60, operationId="op-1") | {"tenantId": "room"}
    async with surroundings(redis_server.url) as around, running(around, config) as relay, ClientSession() as client:
        stage = Stage(around, relay)

        async def act(path: str, **fields: Any) -> str:
            url, header = f"{stage.admin_url}/api/v1/silences/{path}", {"Authorization": f"Bearer {TOKEN}"}
            async with client.post(url, json=fields, headers=header) as response:
                answer = await response.json()
                assert response.status == 200, answer
                return str(answer["id"])

        silence = await act("add", destination=["room"], lasts="2h", reason="Upgrade")
        during = await stage.post(event)
        await act("expire", id=silence)
        after = await stage.post(event | {"operation": event["operation"] | {"operationId": "op-2"}})

    assert [reply.document["deliveries"] for reply in (during, after)] == [0, 1]
