"""Destinations in the console: who has paused what and why, and letting it go on."""

from pathlib import Path

import pytest

from relay.policy.recipients import NAME
from relay.store import Store
from relay.store.queries.reachability import OperatorPauses
from relay.store.queries.silences import SilenceList
from relay.store.queries.suppressions import EVERYWHERE, UNSUBSCRIBED, Suppressions
from relay_sandbox.standins.inbox import Inbox
from relay_sandbox.standins.slack import Fault, SlackStandin
from tests.support import records
from tests.support.audit import acts_of
from tests.support.clock import Clock
from tests.support.console import Open, console, more_destinations, open_channels, stage_config


async def test_one_is_paused_and_resumed_and_both_are_written_down(page: Open, store: Store) -> None:
    await page.act("/destinations/pause", name="room", lasts="2h", reason="<i>Renamed</i>")
    rows = {row["name"]: row for row in (await page.api("/destinations"))["rows"]}
    assert (rows["room"]["state"], rows["room"]["by"], rows["team"]["state"]) == ("paused", "ana", "never_tried")
    for path in ("/destinations", "/destination?name=room"):
        assert "&lt;i&gt;Renamed&lt;/i&gt;" in await page.page(path)
    assert "goes on" in await page.act("/destinations/resume", name="room")
    assert "nobody has paused room" in await page.act("/destinations/resume", name="room")
    assert [entry.action for entry in await acts_of(store.redis)].count("destination pause") == 1


async def test_a_pause_needs_no_reason(page: Open, clock: Clock) -> None:
    assert "room is paused" in await page.act("/destinations/pause", name="room")
    pauses = await OperatorPauses(page.context.store).all(clock())
    assert pauses["room"].sentence.startswith("paused by ana")
    assert not pauses["room"].sentence.endswith(": ")
    assert "required" not in (await page.page("/destination?name=team")).partition('name="reason"')[2].partition(">")[0]


async def test_the_name_of_a_team_stands_for_all_of_its_destinations(
    store: Store, clock: Clock, tmp_path: Path
) -> None:
    config = more_destinations(tmp_path, '  duty: {slack: "#duty", email: duty@example.com}', "")
    async with console(store, clock, config=config) as page:
        await page.act("/destinations/pause", name="duty", reason="Move")
        rows = {row["name"]: row["state"] for row in (await page.api("/destinations"))["rows"]}
        shown = await page.act("/destinations/resume", name="duty")
        await page.act("/silences/add", destination="duty", lasts="1h", reason="Move")
        [silence] = await SilenceList(store).all()

    assert (rows["duty.slack"], rows["duty.email"], rows["room"]) == ("paused", "paused", "never_tried")
    assert ("duty.slack goes on" in shown, "duty.email goes on" in shown) == (True, True)
    assert silence.destinations == ("duty.slack", "duty.email")


async def test_resuming_says_what_is_still_in_the_way(page: Open, store: Store, clock: Clock) -> None:
    await OperatorPauses(store).pause("english", "Move", "ana")
    records.pause(store, "channel:email", since=int(clock() * 1000), reason="535 who are you")

    shown = await page.act("/destinations/resume", name="english")

    assert "english goes on. english@example.com: it waits until email works again: 535 who are you" in shown


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"name": "rom", "reason": "x"}, "there is no destination rom; did you mean room"),
        ({"name": "rom"}, "there is no destination rom; did you mean room"),
        ({"name": "room", "reason": "x", "lasts": "soon"}, "soon: "),
        ({"name": "room", "reason": "x", "lasts": "400d"}, "400d: expected a duration"),
    ],
)
async def test_nonsense_pauses_nothing(page: Open, clock: Clock, fields: dict[str, str], says: str) -> None:
    assert says in await page.act("/destinations/pause", **fields)
    assert await OperatorPauses(page.context.store).all(clock()) == {}


async def test_an_address_that_is_on_the_list_twice_is_said_to_be_there_still(page: Open, store: Store) -> None:
    listed = Suppressions(store)
    for first, second, others in (("pair", EVERYWHERE, "every destination"), (EVERYWHERE, "pair", "pair")):
        await listed.add("here@example.com", "pair")
        await listed.add("here@example.com")
        await listed.add("there@example.com", "german")
        for scope, text in (
            (first, f"Here@example.com is still on the lists of: {others}"),
            (second, "Here@example.com is written to again."),
        ):
            assert text in await page.act("/destinations/allow", destination=scope, address="Here@example.com")
    assert [entry.address for entry in await listed.all()] == ["there@example.com"]


async def test_a_test_message_goes_through_the_open_channel_and_its_answer_is_shown(store: Store, clock: Clock) -> None:
    async with (
        SlackStandin() as slack,
        open_channels(stage_config(STAGE_SLACK=slack.base_url)) as (config, channels),
        console(store, clock, config=config, channels=channels) as page,
    ):
        await page.act("/destinations/pause", name="room", reason="Renamed")
        answer = await page.act("/destinations/test", name="room", back="/console/destination?name=room")
        again = await page.act("/destinations/test", name="room")
        await store.redis.delete(*await store.redis.keys("*:testing:*"))  # some seconds later
        slack.script("chat.postMessage", Fault(error="not_in_channel"))
        refused = await page.act("/destinations/test", name="room")

        [message] = slack.messages("#room")
    assert message.text.startswith("Test: ")
    assert message.blocks[0]["elements"][0]["text"].startswith("Test message, sent from relay's console.")
    assert "reached 1 of 1 addresses of room: #room: " in answer
    assert message.ts.replace(".", "") in answer
    assert "got a test message just now" in again
    assert "reached 0 of 1" in refused
    assert "type /invite @relay in #room" in refused
    acts = [(row.actor, row.subject, row.outcome) for row in await acts_of(store.redis) if row.action == "test-send"]
    assert acts == [("ana", "room", "reached 1 of 1"), ("ana", "room", "reached 0 of 1")]


async def test_a_test_mail_reaches_each_address_but_those_that_want_none(store: Store, clock: Clock) -> None:
    await Suppressions(store).add("gone@example.com", "pair", reason=UNSUBSCRIBED)
    async with (
        Inbox() as inbox,
        open_channels(stage_config(STAGE_SMTP=str(inbox.smtp_port))) as (config, channels),
        console(store, clock, config=config, channels=channels) as page,
    ):
        assert "reached 1 of 1" in await page.act("/destinations/test", name="pair")
        await Suppressions(store).add("here@example.com")
        refused = await page.act("/destinations/test", name="pair")
        assert [mail.recipient for mail in inbox.mails] == ["here@example.com"]
    assert "none of its addresses is written to any more" in refused


async def test_others_that_want_no_more_are_listed(page: Open, store: Store, clock: Clock) -> None:
    listed = Suppressions(store)
    for number in range(210):
        await listed.add(f"reader-{number}@example.com", "english" if number % 2 else "german", reason=UNSUBSCRIBED)
    clock.advance(1)
    await listed.add("nowhere@example.com")
    await listed.add("english@example.com", "english")  # an address of the destination itself
    facts = await page.api("/destination?name=english")
    assert (len(facts["suppressed"]), facts["more_suppressed"]) == (100, 6)
    assert facts["addresses"][0]["suppressed"] == "suppressed"
    assert "at every destination" in await page.page("/destination?name=english")
    assert (await page.api("/destination?name=room"))["suppressed"] == []  # of mails alone


DIGESTS = """
  morning: {email: [reader@example.com], mode: digest, at: "08:30"}
  digested: {slack: "#digested", mode: digest}
"""


async def test_the_next_digest_is_shown_as_it_would_be_and_sent_to_nobody(
    store: Store, clock: Clock, tmp_path: Path
) -> None:
    rule = "  - {name: digests, events: ['operation.*'], notify: [morning, digested]}\n"
    frame = "/console/destination/digest/html?name="
    async with console(store, clock, config=more_destinations(tmp_path, DIGESTS, rule)) as page:
        await page.take("completed", 100, "room", operationName="<b>Sales</b> *run*")
        facts = await page.api("/destination?name=morning")
        assert [(row["address"], row["entries"]) for row in facts["digests"]] == [("reader@example.com", 1)]
        assert "/console/destination/digest?name=morning" in await page.page("/destination?name=morning")
        mail = await page.page("/destination/digest?name=morning&address=reader@example.com")
        assert f'<iframe class="mail" sandbox src="{frame}morning' in mail
        async with page.client.get(page.server.make_url(f"{frame}morning&address=reader@example.com")) as response:
            assert "&lt;b&gt;Sales&lt;/b&gt;" in await response.text()
            assert response.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
        slack = await page.page("/destination/digest?name=digested")
        assert "Sales" in slack
        assert "<b>Sales" not in slack
        for query in ("name=digested&address=x", "name=room", "name=nothing"):
            assert (await page.ask(f"/console/destination/digest?{query}"))[0] == 404
    assert (await store.claim("email", 10)).deliveries == ()


async def test_whom_operations_ask_for_is_a_destination_as_well(store: Store, clock: Clock, tmp_path: Path) -> None:
    asked = "dynamic_destinations: {slack: ['#asked'], email_domains: [example.com]}\n"
    async with console(store, clock, config=more_destinations(tmp_path, "", asked)) as page:
        await page.act("/destinations/pause", name=NAME, reason="Too many")
        facts, its = await page.api("/destinations"), await page.api(f"/destination?name={NAME}")
        assert next(row for row in facts["rows"] if row["name"] == NAME)["by"] == "ana"
        assert facts["removed"] == []
        assert ([row["address"] for row in its["addresses"]], its["domains"]) == (["#asked"], ["example.com"])
        assert "Recipients that runs name" in await page.page(f"/destination?name={NAME}")
