"""relay dead: what could not be delivered, to look at, replay or drop, on a running relay."""

import asyncio
import json
from contextlib import aclosing
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
from click.testing import Result
from redis.asyncio import Redis

from relay.coordinator import build_sealer
from relay.operating.acts import short
from relay.store import Store
from tests.support.console import stage_config
from tests.support.events import body, completed
from tests.support.inprocess import relay, relay_beside
from tests.support.queue import claim_one
from tests.support.redis_server import RedisServer
from tests.support.stage import CONFIG, Stage
from tests.support.targets import mail

ANALYSIS = "op-ff0e8400-e29b-41d4-a716-446655440000"
REFUSED = ("550 5.7.1 Mail like this is not wanted here, and none of this name has ever been seen on this side of the "
           "mail system")  # fmt: skip
DIGEST = "0123456789abcdef0123456789abcdef"


@pytest.fixture
async def letter(running_stage: Stage) -> str:
    """The id of a mail that its server refused for good."""
    running_stage.around.inbox.answer("gone@example.com", REFUSED)
    await running_stage.post(started("pair"))
    await running_stage.around.settled()
    [letter] = await running_stage.around.admin.dead()
    return letter.id


def started(tenant: str) -> dict[str, Any]:
    return body("operation.started", 0, status="Initiated") | {"tenantId": tenant}


async def run(running: Stage, *arguments: str) -> Result:
    group, verb, *rest = arguments
    return await relay_beside(group, verb, "-c", CONFIG, *rest, env=running.around.env)


async def dead(running: Stage, verb: str, *arguments: str) -> Result:
    return await run(running, "dead", verb, *arguments)


async def quarantined(running: Stage, document: Any, reason: str = "operation.operationId: missing") -> str:
    body = json.dumps(document).encode()
    return await running.around.store.quarantine.keep("async-operations", body, {}, reason, fault=False)


async def test_what_is_dead_or_quarantined_is_listed_and_shown_and_steers_no_terminal(running_stage: Stage) -> None:
    nothing = await dead(running_stage, "list")
    running_stage.around.inbox.answer("gone@example.com", REFUSED)
    await running_stage.post(started("pair"))
    await running_stage.around.settled()
    [letter] = await running_stage.around.admin.dead()
    kept = await quarantined(running_stage, "\x9b2J", "eventId: \x1b[2J\x07 [bold]is no name[/bold]\u202e")

    listed, facts = await dead(running_stage, "list"), json.loads((await dead(running_stage, "list", "--json")).output)
    shown, other = await dead(running_stage, "show", letter.id[:8]), await dead(running_stage, "show", kept)

    assert nothing.output == "Nothing is dead, nothing is quarantined.\n"
    words = " ".join(listed.output.split())
    assert f"{letter.id[:8]} " in words
    assert f"operation.started → pair (gone@example.com) {ANALYSIS} 1 " in words
    assert "refused for good: " in words
    assert f"it answered {REFUSED}" in words
    assert f"{short(kept)} " in words
    assert "[bold]is no name[/bold]" in words
    [one], [another] = facts["dead"]["rows"], facts["quarantine"]["rows"]
    assert (one["id"], one["reason"], another["id"]) == (letter.id, "rejected", kept)
    head, document = shown.output.split("\n\n", 1)
    assert f"id          {letter.id}\n" in head
    assert REFUSED in head
    assert json.loads(document)["operation"]["operationId"] == ANALYSIS
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(listed.output + other.output + json.dumps(facts))


async def test_filters_say_which_are_meant(running_stage: Stage, letter: str) -> None:
    await quarantined(running_stage, {"no": "operation"})
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
        listed = json.loads((await dead(running_stage, "list", "--json", *filters)).output)
        would = await dead(running_stage, "drop", "--dry-run", *filters)

        counts = tuple(len(listed[kind]["rows"]) if kind in listed else 0 for kind in ("dead", "quarantine"))
        assert counts == (letters, bodies), filters
        words = " and ".join(["1 dead letter"] * letters + ["1 quarantined event"] * bodies) or "nothing"
        assert would.output.startswith(f"would drop {words}\n"), filters
    assert (await running_stage.around.ledger()).counts["dead"] == 1


async def test_a_replay_delivers_once_and_what_still_makes_no_sense_stays(running_stage: Stage, letter: str) -> None:
    kept = await quarantined(running_stage, {"no": "operation"})
    good = await quarantined(running_stage, started("mail"))

    everything = await dead(running_stage, "replay", "--all")
    again = await dead(running_stage, "replay", letter)
    mails = await running_stage.around.mails(4)
    audit = await relay_beside("audit", "-c", CONFIG, "--action", "replay", "--json", env=running_stage.around.env)

    assert everything.exit_code == 1
    assert "1 put back into the queue, with fresh attempts." in everything.output
    assert "1 taken as events. 1 stays: is still refused: " in everything.output
    assert again.exit_code == 1
    assert len(mails) == 4
    assert [row.id for row in (await running_stage.around.store.quarantine.page()).rows] == [kept] != [good]
    assert {act["detail"]["by"] for act in json.loads(audit.output)["rows"]} == {"command"}


async def test_where_no_relay_can_start_redis_itself_is_read(running_stage: Stage, letter: str) -> None:
    kept = await quarantined(running_stage, {"no": "operation"})
    url = running_stage.around.env["RELAY_REDIS_URL"]

    done = await asyncio.to_thread(relay, "dead", "list", "--redis", url, "--since", "2h")

    assert done.exit_code == 0, done.output
    assert f"{letter[:8]}  " in done.output
    assert f"{short(kept)}  " in done.output


async def test_what_is_sealed_is_listed_with_its_key_alone(
    redis: Redis, redis_server: RedisServer, tmp_path: Path
) -> None:
    config = tmp_path / "relay.yaml"
    config.write_text(f"redis: {{encryption_key: {token_hex(32)}}}\n{CONFIG.read_text('utf-8')}")
    sealer = build_sealer(stage_config(config))
    async with aclosing(Store.open(redis_server.url, process="sealing", sealer=sealer)) as store:
        await store.prepare()
        await store.report(completed(), [mail()])
        letter = await claim_one(store, "email")
        await store.dead_letter(letter, "rejected", REFUSED)

    without, given = [
        await asyncio.to_thread(relay, "dead", "list", "--redis", redis_server.url, *options)
        for options in ((), ("-c", config))
    ]

    assert (without.exit_code, "redis.encryption_key" in without.output) == (1, True), without.output
    assert (given.exit_code, f"{letter.id[:8]}  " in given.output) == (0, True), given.output


@pytest.mark.parametrize("url", ["", "nonsense", "redis://h:secret", "redis+sentinel://secret", "http://secret"])
def test_a_redis_address_that_is_none_is_refused_without_being_quoted(url: str) -> None:
    refused = relay("dead", "list", "--redis", url)

    assert (refused.exit_code, "expected an address as in redis.url" in refused.output) == (2, True)
    assert "secret" not in refused.output


async def test_what_is_dropped_is_gone_and_the_ledger_knows_it(running_stage: Stage, letter: str) -> None:
    name = await quarantined(running_stage, {"no": "operation"})

    done = await dead(running_stage, "drop", short(name), letter[:8])

    ledger = await running_stage.around.ledger()
    assert (done.exit_code, done.output) == (0, "1 dropped for good.\n1 dropped from the quarantine for good.\n")
    assert (ledger.counts["dead"], ledger.counts["dropped"], ledger.imbalance) == (0, 1, 0)
    assert (await running_stage.around.store.quarantine.page()).rows == []


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

    assert done.exit_code == 2
    assert says in done.output
