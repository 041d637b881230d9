"""relay suppressed: who is not written to any more, on a running relay."""

from pathlib import Path
from typing import Any

import pytest

from relay.store.suppressions import BOUNCED, UNSUBSCRIBED, Suppressions
from tests.support.commands import Done, relay
from tests.support.events import body
from tests.support.stage import CONFIG, Stage

pytestmark = pytest.mark.slow

GONE = "gone@example.com"


async def suppressed(running: Stage, verb: str, *arguments: str, **env: str) -> Done:
    return await relay("suppressed", verb, "-c", CONFIG, *arguments, env={**running.around.env, **env})


def entries(running: Stage) -> Suppressions:
    return Suppressions(running.around.store)


def started(number: int = 1) -> dict[str, Any]:
    return body("operation.completed", 100, status="Completed", operationId=f"op-{number}") | {"tenantId": "pair"}


async def test_an_empty_list_is_said_in_a_sentence(running_stage: Stage) -> None:
    done = await suppressed(running_stage, "list")

    assert (done.status, done.out) == (0, "Nobody is suppressed.\n")


async def test_each_entry_has_its_reason(running_stage: Stage) -> None:
    await entries(running_stage).add("reader@example.com", "pair", reason=UNSUBSCRIBED)
    await entries(running_stage).add(GONE, reason=BOUNCED, detail="550 5.1.1 no such \x1b[2J user")
    await suppressed(running_stage, "add", "lead@example.com")

    done, facts = await suppressed(running_stage, "list"), (await suppressed(running_stage, "list", "--json")).facts

    rows = [line.split(maxsplit=3)[3] for line in done.out.splitlines()[1:]]
    # In any order: two of them may have been added within one millisecond.
    assert sorted(" ".join(row.split()) for row in rows) == [
        "gone@example.com everywhere bounced: 550 5.1.1 no such �[2J user",
        "lead@example.com everywhere added by an operator",
        "reader@example.com pair unsubscribed by its reader",
    ]
    assert sorted((entry["address"], entry["destination"], entry["reason"]) for entry in facts["suppressed"]) == [
        (GONE, "*", "bounced"),
        ("lead@example.com", "*", "suppressed"),
        ("reader@example.com", "pair", "unsubscribed"),
    ]
    assert "\x1b" not in done.out


async def test_whoever_is_added_is_not_written_to(running_stage: Stage) -> None:
    done = await suppressed(running_stage, "add", "Gone@Example.com", "--destination", "pair")
    await running_stage.post(started())
    ledger = await running_stage.around.settled()

    assert (done.status, done.out) == (0, "added Gone@example.com, at pair\n")
    assert [mail.recipient for mail in running_stage.around.inbox.mails] == ["here@example.com"]
    assert (ledger.counts["held:suppressed"], ledger.imbalance) == (1, 0)


async def test_adding_twice_says_so(running_stage: Stage) -> None:
    await suppressed(running_stage, "add", GONE)

    done = await suppressed(running_stage, "add", GONE, "--json")

    assert (done.status, done.facts) == (0, {"added": False})


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nobody"], "expected one e-mail address"),
        ([GONE, "--destination", "pear"], "there is no destination pear; did you mean pair?"),
    ],
)
async def test_what_means_nobody_is_refused(running_stage: Stage, arguments: list[str], says: str) -> None:
    done = await suppressed(running_stage, "add", *arguments)

    assert (done.status, done.out) == (1, "")
    assert says in done.err
    assert await entries(running_stage).all() == []


async def test_removing_lets_everything_through_again(running_stage: Stage) -> None:
    await entries(running_stage).add(GONE, "pair", reason=UNSUBSCRIBED)
    await entries(running_stage).add(GONE, reason=BOUNCED)

    done = await suppressed(running_stage, "remove", GONE.upper())
    await running_stage.post(started())

    assert done.status == 0
    assert sorted(done.out.splitlines()) == [
        "removed gone@example.com, at pair",
        "removed gone@example.com, everywhere",
    ]
    assert len(await running_stage.around.mails(2)) == 2


async def test_removing_one_entry_leaves_the_others_and_says_so(running_stage: Stage) -> None:
    await entries(running_stage).add(GONE, "pair", reason=UNSUBSCRIBED)
    await entries(running_stage).add(GONE, reason=BOUNCED)

    done = await suppressed(running_stage, "remove", GONE, "--destination", "pair")

    assert done.out == "removed gone@example.com, at pair\n"
    assert done.err == "It is still suppressed everywhere: relay suppressed remove gone@example.com\n"
    assert [one.reason for one in await entries(running_stage).all()] == [BOUNCED]


async def test_removing_whoever_is_not_there_is_wrong(running_stage: Stage) -> None:
    done = await suppressed(running_stage, "remove", GONE)

    assert (done.status, done.err) == (1, f"{GONE} is not on the list; `relay suppressed list` shows who is\n")


async def test_a_bounce_and_what_it_held_back_are_explained(running_stage: Stage) -> None:
    running_stage.around.inbox.answer(GONE, "550 5.1.1 no such user")
    await running_stage.post(started())
    await running_stage.around.settled()
    await running_stage.post(started(2))
    await running_stage.around.settled()

    first = await relay("explain", "op-1", "-c", CONFIG, env=running_stage.around.env)
    second = await relay("explain", "op-2", "-c", CONFIG, env=running_stage.around.env)

    assert f"{GONE} is written to no more, for it bounced: " in first.out
    assert f"held: mails to {GONE} bounced, so nothing is sent there" in second.out
    assert [mail.recipient for mail in running_stage.around.inbox.mails] == ["here@example.com"] * 2


async def test_without_a_running_relay_it_says_how_to_start_one(running_stage: Stage, tmp_path: Path) -> None:
    done = await suppressed(running_stage, "list", RELAY_REDIS_URL="", STAGE_DATA=str(tmp_path))

    assert (done.status, done.out) == (1, "")
    assert "start `relay serve` first" in done.err
