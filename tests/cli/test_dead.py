"""relay dead: what could not be delivered, to look at, replay or drop, on a running relay."""

import asyncio
import json
from typing import Any

import pytest
from redis.asyncio import Redis

from relay.domain.events import Event
from relay.engine.intake import Report
from relay.engine.names import operation
from relay.engine.records import Operation
from relay.operating.acts import short
from relay.store import keys
from relay.store.journal.codec import Codec
from relay.store.journal.kinds import KINDS
from tests.cli.asking import Commands
from tests.cli.serving import started
from tests.support.events import completed
from tests.support.inprocess import relay
from tests.support.queue import dead_letters
from tests.support.redis_server import RedisServer
from tests.support.stage import Stage
from tests.support.targets import mail
from tests.support.waiting import until

ANALYSIS = "op-ff0e8400-e29b-41d4-a716-446655440000"
REFUSED = ("550 5.7.1 Mail like this is not wanted here, and none of this name has ever been seen on this side of the "
           "mail system")  # fmt: skip
DIGEST = "0123456789abcdef0123456789abcdef"
NONE = {"no": "operation"}


@pytest.fixture
async def letter(running_stage: Stage) -> str:
    """The id of a mail that its server refused for good."""
    running_stage.around.inbox.answer("gone@example.com", REFUSED)
    await running_stage.post(started("pair"))
    await running_stage.around.settled()
    [letter] = await dead_letters(running_stage.around.store)
    return letter.id


async def quarantined(cli: Commands, document: Any, reason: str = "operation.operationId: missing") -> str:
    return await cli.store.bodies.keep("async-operations", json.dumps(document).encode(), {}, reason, fault=False)


async def test_what_is_dead_or_quarantined_is_listed_and_shown_and_steers_no_terminal(
    cli: Commands, letter: str
) -> None:
    kept = await quarantined(cli, "\x9b2J", "eventId: \x1b[2J\x07 [bold]is no name[/bold]\u202e")

    listed, facts = (await cli("dead", "list")).output, await cli.facts("dead", "list")
    shown, other = [(await cli("dead", "show", name)).output for name in (letter[:8], kept)]

    words = " ".join(listed.split())
    for part in (f"{letter[:8]} ", f"operation.started → pair (gone@example.com) {ANALYSIS} 1 ", "refused for good: ",
                 f"it answered {REFUSED}", f"{short(kept)} ", "[bold]is no name[/bold]"):  # fmt: skip
        assert part in words
    [one], [another] = facts["dead"]["rows"], facts["quarantine"]["rows"]
    assert (one["id"], one["reason"], another["id"]) == (letter, "rejected", kept)
    head, document = shown.split("\n\n", 1)
    assert f"id          {letter}\n" in head
    assert REFUSED in head
    assert json.loads(document)["operation"]["operationId"] == ANALYSIS
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(listed + other + json.dumps(facts))


async def test_filters_say_which_are_meant(cli: Commands, letter: str) -> None:
    await quarantined(cli, NONE)
    expected = {
        ("--destination", "pair"): (1, 0),
        ("--destination", "pair", "--event", "operation.*", "--reason", "rejected", "--since", "2h"): (1, 0),
        ("--event", "operation.failed"): (0, 0),
        ("--reason", "retries_exhausted"): (0, 0),
        ("--reason", "quarantined"): (0, 1),
        ("--reason", "fault"): (0, 0),
        ("--since", "2 hours"): (1, 1),
        ("--since", "2100-01-01T00:00"): (0, 0),
    }
    for filters, (letters, bodies) in expected.items():
        listed, would = await cli.facts("dead", "list", *filters), await cli("dead", "drop", "--dry-run", *filters)

        counts = tuple(len(listed[kind]["rows"]) if kind in listed else 0 for kind in ("dead", "quarantine"))
        assert counts == (letters, bodies), filters
        words = " and ".join(["1 dead letter"] * letters + ["1 quarantined event"] * bodies) or "nothing"
        assert would.output.startswith(f"would drop {words}\n"), filters
    assert (await cli.around.ledger()).counts["dead"] == 1


async def test_a_replay_delivers_once_and_what_still_makes_no_sense_stays(cli: Commands, letter: str) -> None:
    kept = await quarantined(cli, NONE)
    good = await quarantined(cli, started("mail"))

    everything, again = await cli("dead", "replay", "--all"), await cli("dead", "replay", letter)
    mails = await cli.around.mails(4)
    audit = await cli.facts("audit", "--action", "replay")

    assert (everything.exit_code, again.exit_code, len(mails)) == (1, 1, 4)
    assert "1 put back into the queue, with fresh attempts." in everything.output
    assert "1 taken as events. 1 stays: is still refused: " in everything.output
    assert [row.id for row in (await cli.store.bodies.page()).rows] == [kept] != [good]
    assert {act["detail"]["by"] for act in audit["rows"]} == {"command"}


def appended(event: Event) -> dict[str, bytes]:
    """Return an entry of the inbox that reports this event."""
    return {"id": b"event", "entry": Codec(KINDS).dumped(Report(event, [mail("a@example.com")]))}


async def test_an_accepted_entry_that_needs_a_damaged_value_is_listed_and_brought_back(cli: Commands) -> None:
    event, redis = completed(operationId="op-1"), cli.store.redis
    key = keys.PREFIX + Operation.PREFIX + operation(event.subject, event.space(event.subject))
    await redis.set(key, b"damaged")
    await redis.xadd(f"{keys.PREFIX}inbox", appended(event))

    async def set_aside() -> bool:
        return bool(await redis.exists(f"{keys.PREFIX}set-aside"))

    await until(set_aside)
    listed = await cli.facts("dead", "list")
    [row] = listed["quarantine"]["rows"]
    shown = await cli("dead", "show", row["id"])
    await redis.delete(key)
    back, after = await cli("dead", "replay", row["id"]), await cli.facts("dead", "list")

    assert row["reason"].startswith(f"the value of {key.removeprefix(keys.PREFIX)} in Redis cannot be read: ")
    assert '"op-1"' in shown.output
    assert back.exit_code == 0, back.output
    assert not after["quarantine"]["rows"]

    async def decided() -> bool:
        return (await cli.around.ledger()).counts.get("accepted") == 1

    await until(decided)


async def test_an_accepted_entry_is_set_aside_without_a_running_relay(redis: Redis, redis_server: RedisServer) -> None:
    await redis.xadd(f"{keys.PREFIX}inbox", appended(completed()), id="1-1")

    done, unknown, aside = [
        await asyncio.to_thread(relay, "dead", *words, "--redis", redis_server.url)
        for words in (("set-aside", "q-in-1-1"), ("set-aside", "q-in-1-2"), ("list",))
    ]

    assert (done.exit_code, done.output) == (0, "q-in-1-1: set aside\n")
    assert (unknown.exit_code, unknown.output) == (1, "q-in-1-2: it is not in the inbox: nothing was done\n")
    assert "relay itself failed on it: set aside by hand" in " ".join(aside.output.split())


async def test_where_no_relay_can_start_redis_itself_is_read(cli: Commands, letter: str) -> None:
    kept = await quarantined(cli, NONE)

    url = cli.around.env["RELAY_REDIS_URL"]
    done = await asyncio.to_thread(relay, "dead", "list", "--redis", url, "--since", "2h")

    assert done.exit_code == 0, done.output
    assert f"{letter[:8]}  " in done.output
    assert f"{short(kept)}  " in done.output


@pytest.mark.parametrize("url", ["", "nonsense", "redis://h:secret", "redis+sentinel://secret", "http://secret"])
def test_a_redis_address_that_is_none_is_refused_without_being_quoted(url: str) -> None:
    refused = relay("dead", "list", "--redis", url)

    assert (refused.exit_code, "expected an address as in redis.url" in refused.output) == (2, True)
    assert "secret" not in refused.output


async def test_what_is_dropped_is_gone_and_the_ledger_knows_it(cli: Commands, letter: str) -> None:
    name = await quarantined(cli, NONE)

    done = await cli("dead", "drop", short(name), letter[:8])

    ledger = await cli.around.ledger()
    assert (done.exit_code, done.output) == (0, "1 dropped for good.\n1 dropped from the quarantine for good.\n")
    assert (ledger.counts["dead"], ledger.counts["dropped"], ledger.imbalance) == (0, 1, 0)
    assert (await cli.store.bodies.page()).rows == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "name at least one id, or say --all or a filter"),
        ([DIGEST, "--event", "*"], "either name ids, or say --all"),
        (["--all", DIGEST], "either name ids, or say --all"),
        # What a shell makes of --event "$UNSET": to drop by it would drop everything.
        (["--event", " "], "it is empty; say which, or leave the option out"),
        (["--all", "--destination", ""], "it is empty; say which, or leave the option out"),
        (["--since", ""], "it is empty; say which, or leave the option out"),
    ],
)
@pytest.mark.parametrize("verb", ["replay", "drop"])
def test_it_must_be_clear_what_is_meant(verb: str, arguments: list[str], says: str) -> None:
    done = relay("dead", verb, *arguments)

    assert (done.exit_code, says in done.output) == (2, True)
