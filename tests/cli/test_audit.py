"""relay audit: who did what, on a running relay."""

import io
import os
from datetime import UTC, datetime

import pytest
from rich.console import Console

from relay.cli.actor import actor
from relay.cli.audit import rows_of
from relay.store.audit import Act, AuditEntry, AuditTrail
from relay.store.suppressions import UNSUBSCRIBED, Suppressions
from tests.support.commands import Done, relay
from tests.support.stage import CONFIG, Stage

GONE = "gone@example.com"
HOST = os.uname().nodename


class TestWhoItIs:
    def test_the_systems_user_at_this_host(self) -> None:
        name, more = actor({})

        assert (name.rpartition("@")[2], more) == (HOST, {})
        assert name.partition("@")[0]

    @pytest.mark.parametrize(
        ("env", "name"),
        [
            ({"SUDO_USER": "jana"}, f"jana@{HOST}"),
            ({"RELAY_ACTOR": "jana"}, f"jana@{HOST}"),
            ({"RELAY_ACTOR": "jana@example.com", "SUDO_USER": "kai"}, "jana@example.com"),
        ],
    )
    def test_whoever_is_named_beside_the_systems_user(self, env: dict[str, str], name: str) -> None:
        own = actor({})[0].partition("@")[0]

        assert actor(env) == (name, {"run_as": own})


async def ask(running: Stage, *arguments: str, **env: str) -> Done:
    return await relay("audit", "-c", CONFIG, *arguments, env={**running.around.env, **env})


async def act(running: Stage, *command: str, who: str = "jana") -> Done:
    name, verb, *rest = command
    env = {**running.around.env, "RELAY_ACTOR": who}
    return await relay(name, verb, *rest, *(["-c", str(CONFIG)]), env=env)


def trail(running: Stage) -> AuditTrail:
    return AuditTrail(running.around.store.redis)


@pytest.mark.slow
async def test_nothing_is_said_in_a_sentence(running_stage: Stage) -> None:
    done = await ask(running_stage)

    assert (done.status, done.out) == (0, "Nothing was done in this time that is written down here.\n")


@pytest.mark.slow
async def test_each_command_that_changes_something_is_there_with_its_outcome(running_stage: Stage) -> None:
    kept = await running_stage.around.admin.quarantine("async-operations", b"{", {}, "no JSON")
    await running_stage.around.admin.quarantine("async-operations", b"[", {}, "no JSON")
    await Suppressions(running_stage.around.store).add("reader@example.com", "pair", reason=UNSUBSCRIBED)
    await act(running_stage, "suppressed", "add", GONE)
    await act(running_stage, "suppressed", "add", GONE, who="kai")
    await act(running_stage, "suppressed", "remove", "reader@example.com")
    await act(running_stage, "suppressed", "list")
    await act(running_stage, "dead", "replay", kept)
    await act(running_stage, "dead", "drop", "--all", "--dry-run")
    await act(running_stage, "dead", "drop", "--reason", "quarantined")
    await act(running_stage, "test-send", "pair")

    acts = (await ask(running_stage, "--json")).facts["audit"]

    own = actor({})[0].partition("@")[0]
    assert [(entry["action"], entry["address"], entry["outcome"]) for entry in acts] == [
        ("suppressed add", GONE, "added"),
        ("suppressed add", GONE, "there already"),
        ("suppressed remove", "reader@example.com", "removed, was unsubscribed"),
        ("quarantine replay", "", "0 of 1"),
        ("quarantine drop", "", "2 of 2"),
        ("test-send", "", "reached 2 of 2"),
    ]
    assert [entry["actor"] for entry in acts] == [f"{who}@{HOST}" for who in ("jana", "kai", *["jana"] * 4)]
    assert {entry["detail"]["run_as"] for entry in acts} == {own}
    assert acts[4]["detail"]["reason"] == "quarantined"


def test_whatever_was_done_by_whom_fits_100_columns() -> None:
    at = datetime(2024, 1, 20, 12, tzinfo=UTC)
    entry = AuditEntry(
        actor=f"root@{'a-host-with-a-long-name.' * 3}", action="quarantine replay", subject=", ".join(["q-1c9e"] * 10),
        address="somebody.with.a.long.name@a-department.example.com", id="1", at=at, via="", detail={"run_as": "root"},
    )  # fmt: skip
    page = io.StringIO()
    Console(file=page, width=100).print(rows_of([entry, entry], "America/Argentina/ComodRivadavia"))

    lines = page.getvalue().splitlines()
    assert max(map(len, lines)) <= 100
    assert lines[1].startswith("2024-01-20 09:00:00 -03 ")


@pytest.mark.slow
async def test_what_is_asked_for_is_shown_newest_last(running_stage: Stage) -> None:
    acts = [
        Act("U0ANALYST1 Jana \x1b[2JMüller", "press cancel", "op-1234567890-1234567890-1234567890", {"at": "team"}),
        Act(f"root@{'a-host-with-a-long-name.' * 3}example.com", "dead replay", ", ".join(["1c9e8b7a"] * 10)),
        Act("reader", "unsubscribe", "at analysts", address=GONE),
    ]
    for done in acts:
        async with trail(running_stage).act(done):
            pass
    await trail(running_stage).begin(Act("kai@host-2", "dead drop", "aaaabbbb"))

    everything, some = await ask(running_stage, COLUMNS="100"), await ask(running_stage, "--actor", "jana")
    dead, limited = await ask(running_stage, "--action", "dead *"), await ask(running_stage, "--limit", "1")
    old = await ask(running_stage, "--since", "2099-01-01T00:00")
    wrong = await ask(running_stage, "--since", "yesterday")

    lines = everything.out.splitlines()
    assert [line.split()[0] for line in lines] == ["when", *[f"{datetime.now(UTC):%Y}-" + lines[1][5:10]] * 4]
    assert "dead drop aaaabbbb" in lines[4]
    assert "under way, or cut off" in lines[4]
    assert "\x1b" not in everything.out
    assert [line.count("press cancel") for line in some.out.splitlines()] == [0, 1]
    assert [line.partition("dead ")[2].split()[0] for line in dead.out.splitlines()[1:]] == ["replay", "drop"]
    shown = [" ".join(line.split()) for line in limited.out.splitlines()[1:]]
    assert shown == [" ".join(lines[4].split()), "", "Older ones that are not shown: 3; --limit shows more."]
    assert old.out.startswith("Nothing was done")
    assert (wrong.status, wrong.out) == (1, "")
    assert wrong.err.startswith("--since yesterday: expected for instance 2h")
