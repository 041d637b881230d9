"""relay suppressed and relay audit: what operators do is in the trail, with who did it."""

import json
import os
from typing import Any

import pytest
from click.testing import Result

from relay.cli.options import actor
from relay.store.queries.suppressions import UNSUBSCRIBED, Suppressions
from tests.support.events import body
from tests.support.inprocess import relay_beside
from tests.support.stage import CONFIG, Stage

GONE = "gone@example.com"
HOST = os.uname().nodename


async def ask(running: Stage, *arguments: str, **env: str) -> Result:
    return await relay_beside(*arguments, "-c", CONFIG, env={**running.around.env, **env})


async def facts(running: Stage, *arguments: str) -> Any:
    return json.loads((await ask(running, *arguments, "--json")).output)


async def test_an_address_is_written_to_no_more_and_again(running_stage: Stage) -> None:
    nobody = await ask(running_stage, "suppressed", "list")
    added = await ask(running_stage, "suppressed", "add", "Gone@EXAMPLE.com", "-d", "pair", RELAY_ACTOR="jana")
    again = await ask(running_stage, "suppressed", "add", GONE, "-d", "pair", RELAY_ACTOR="kai")
    await Suppressions(running_stage.around.store).add(GONE, reason=UNSUBSCRIBED)
    await running_stage.post(body("operation.started", 0, status="Initiated") | {"tenantId": "pair"})
    [mail] = await running_stage.around.mails(1)
    listed = await ask(running_stage, "suppressed", "list")
    one = await ask(running_stage, "suppressed", "remove", GONE, "-d", "pair")
    other = await ask(running_stage, "suppressed", "remove", GONE)
    none = await ask(running_stage, "suppressed", "remove", GONE)

    assert nobody.output == "No addresses are suppressed.\n"
    assert (added.exit_code, "at pair, is not written to any more" in added.output) == (0, True)
    assert (again.exit_code, "was there already" in again.output) == (0, True)
    assert mail.recipient == "here@example.com"
    rows = [line.split()[3:] for line in listed.output.splitlines()[1:]]
    assert [row[0].casefold() for row in rows] == [GONE, GONE]
    assert "everywhere  unsubscribed by its reader" in listed.output
    assert (one.exit_code, "is still on the lists of: every destination" in one.output) == (0, True)
    assert (other.exit_code, none.exit_code) == (0, 1)
    acts = (await facts(running_stage, "audit"))["rows"][::-1]
    assert [(act["action"], act["subject"], act["outcome"]) for act in acts] == [
        ("suppressed add", "at pair", "added"),
        ("suppressed add", "at pair", "there already"),
        ("suppressed remove", "at pair", "removed, was suppressed"),
        ("suppressed remove", "everywhere", "removed, was unsubscribed"),
    ]
    own = actor({})[0].partition("@")[0]
    assert [act["actor"] for act in acts[:2]] == [f"jana@{HOST}", f"kai@{HOST}"]
    assert acts[0]["detail"] == {"by": "command", "run_as": own}
    assert {act["address"].casefold() for act in acts} == {GONE}


@pytest.mark.parametrize(
    ("env", "name"),
    [
        ({"SUDO_USER": "jana"}, f"jana@{HOST}"),
        ({"RELAY_ACTOR": "jana"}, f"jana@{HOST}"),
        ({"RELAY_ACTOR": "jana@example.com", "SUDO_USER": "kai"}, "jana@example.com"),
    ],
)
def test_whoever_is_named_stands_beside_the_systems_user(env: dict[str, str], name: str) -> None:
    own = actor({})[0].partition("@")[0]

    assert actor(env) == (name, {"run_as": own})
    assert actor({}) == (f"{own}@{HOST}", {})
