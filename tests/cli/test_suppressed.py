"""relay suppressed and relay audit: what operators do is in the trail, with who did it."""

import os

import pytest

from relay.cli.options import actor
from relay.store.queries.suppressions import UNSUBSCRIBED, Suppressions
from tests.cli.asking import Commands
from tests.cli.serving import started
from tests.support.stage import Stage

GONE = "gone@example.com"
HOST = os.uname().nodename


async def test_an_address_is_written_to_no_more_and_again(cli: Commands, running_stage: Stage) -> None:
    nobody = await cli("suppressed", "list")
    added = await cli("suppressed", "add", "Gone@EXAMPLE.com", "-d", "pair", RELAY_ACTOR="jana")
    again = await cli("suppressed", "add", GONE, "-d", "pair", RELAY_ACTOR="kai")
    await Suppressions(cli.store).add(GONE, reason=UNSUBSCRIBED)
    await running_stage.post(started("pair"))
    [mail] = await cli.around.mails(1)
    listed = await cli("suppressed", "list")
    one = await cli("suppressed", "remove", GONE, "-d", "pair")
    other, none = [await cli("suppressed", "remove", GONE) for _ in range(2)]

    assert nobody.output == "No addresses are suppressed.\n"
    assert (added.exit_code, "at pair, is not written to any more" in added.output) == (0, True)
    assert (again.exit_code, "was there already" in again.output) == (0, True)
    assert mail.recipient == "here@example.com"
    assert [line.split()[3].casefold() for line in listed.output.splitlines()[1:]] == [GONE, GONE]
    assert "everywhere  unsubscribed by its reader" in listed.output
    assert (one.exit_code, "is still on the lists of: every destination" in one.output) == (0, True)
    assert (other.exit_code, none.exit_code) == (0, 1)
    acts = (await cli.facts("audit"))["rows"][::-1]
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
