"""Scopes of relay's app: no method is called that the table lacks, and no scope is idle."""

import ast
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from relay.channels.slack.channel import Slack
from relay.channels.slack.scopes import LOSSES, METHODS, UNINVITED, WRITE, Demands, lacking, methods_for, scopes_for
from relay.domain.deliveries import PERSON
from relay.domain.links import Presser
from relay.errors import DeliveryError
from relay_sandbox.standins.slack import Conversation, SlackStandin
from tests.channels.slack_channel import Connect, notification

FOLDER = Path(__file__).parents[3] / "relay" / "channels" / "slack"
METHOD = re.compile(r"(?:apps|auth|bots|chat|conversations|reactions|team|usergroups|users|views)\.[a-zA-Z.]+")
OF_THE_APP_ITSELF = {"apps.connections.open"}  # called with another token, which has a scope of its own

SOME = Demands(frozenset({"#process-mining"}))
READING = {"channels:read", "groups:read", "channels:history", "groups:history"}
DEMANDS = {
    "one conversation": (SOME, READING),
    "one by its id": (Demands(frozenset({"C0TEAM0001"})), READING),
    "a person": (Demands(frozenset({"U0ANALYST1"})), {"im:read", "im:history"}),
    "several people": (Demands(frozenset({"G0PEOPLE01"})), {*READING} - {"channels:history"} | {"mpim:history"}),
    "ids are called": (Demands(SOME.conversations, frozenset({"U0ANALYST1", "S0DATATEAM", "@here"})), READING),
    "an address": (
        Demands(SOME.conversations, frozenset({"a@example.com"})),
        READING | {"users:read", "users:read.email"},
    ),
    "a name": (Demands(SOME.conversations, frozenset({"@analyst"})), READING | {"users:read", "usergroups:read"}),
    "a person's name": (Demands(SOME.conversations, frozenset({f"{PERSON}@analyst"})), READING | {"users:read"}),
    "owners": (Demands(SOME.conversations, owners=True), READING | {"users:read", "users:read.email"}),
    "anybody": (Demands(SOME.conversations, by_name=True), READING | {"users:read", "users:read.email"}),
    "everyone presses": (
        Demands(frozenset({"D0PERSON01"}), pressers=frozenset({"everyone"})),
        {"im:history", "users:read"},
    ),
    "an address presses": (
        Demands(frozenset({"D0PERSON01"}), pressers=frozenset({"a@example.com"})),
        {"im:history", "users:read", "users:read.email"},
    ),
    "a group presses": (
        Demands(frozenset({"D0PERSON01"}), pressers=frozenset({"@data-team"})),
        {"im:history", "users:read", "usergroups:read"},
    ),
}


def written(folder: Path) -> set[str]:
    """Every name of a method that the modules there write, but for the table's own."""
    constants = [
        node.value
        for file in folder.glob("*.py") if file.name != "scopes.py"
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]  # fmt: skip
    return {value for value in constants if METHOD.fullmatch(value)}


def test_the_table_has_every_method_that_relay_calls_and_no_other() -> None:
    assert written(FOLDER) - OF_THE_APP_ITSELF == METHODS.keys()


@pytest.mark.parametrize(("demands", "scopes"), DEMANDS.values(), ids=DEMANDS.keys())
def test_a_configuration_needs_these_scopes_and_no_other(demands: Demands, scopes: set[str]) -> None:
    assert {*scopes_for(demands)} == scopes | {WRITE}
    assert UNINVITED not in scopes_for(demands)


def test_every_scope_that_may_be_missing_has_a_sentence() -> None:
    assert {scope for scopes in METHODS.values() for scope in scopes} == LOSSES.keys() | {WRITE}
    assert lacking(SOME, ["users:read"])[WRITE] == "nothing can be posted"


ALL = Demands(
    frozenset({"#process-mining", "#hidden"}),
    frozenset({"analyst@example.com", "@analyst", "@data-team"}),
    owners=True,
    pressers=frozenset({"@data-team", "lead@example.com"}),
)


@pytest.mark.parametrize("without", ["", *scopes_for(ALL)])
async def test_with_these_scopes_all_works_and_without_any_one_of_them_something_does_not(
    without: str, connect: Connect, slack: SlackStandin
) -> None:
    slack.workspace.conversations["C0HIDDEN01"] = Conversation("C0HIDDEN01", "hidden", private=True)
    slack.scopes = ",".join(scope for scope in scopes_for(ALL) if scope != without)
    channel, refused = connect(), []

    async def attempt(step: Any) -> None:
        try:
            await step
        except DeliveryError as error:
            refused.append(str(error))

    await attempt(channel.check())
    await attempt(channel.send(notification(mentions=tuple(sorted(ALL.names)))))
    await attempt(channel.is_allowed(Presser("U0LEAD0001", frozenset(), ""), sorted(ALL.pressers or ())))
    await attempt(channel.post_ephemeral("#process-mining", "U0ANALYST1", "Noted."))
    reach = await channel.reach(ALL.conversations)
    for conversation in sorted(ALL.conversations):
        await attempt(channel.find(notification(address=conversation), datetime.now(UTC)))

    messages = slack.messages("#process-mining")
    called = messages[-1].text.count("<@") + messages[-1].text.count("<!") if messages else 0
    complete = not refused and called == 2 and {*reach.values()} == {""}
    assert complete == (not without), (refused, called, reach)
    assert {call.method for call in slack.calls} <= methods_for(ALL) | {"conversations.list"}


async def test_a_check_says_what_will_not_work_of_what_is_configured(channel: Slack, slack: SlackStandin) -> None:
    slack.scopes = "chat:write,users:read"
    await channel.check()

    again = "a message whose answer was lost is sent again, so it may come twice"
    unasked = "`relay check --live` cannot say whether the app may post in"
    named = f"and in those named with # {again}"
    assert channel.lacking(Demands(frozenset({"#a"}), names=frozenset({"analyst@example.com"}))) == {
        "channels:read": f"{unasked} public conversations, {named}",
        "groups:read": f"{unasked} private conversations, {named}",
        "channels:history": f"in public conversations {again}",
        "groups:history": f"in private conversations {again}",
        "users:read.email": "people are not called by e-mail address, and one under actions lets nobody press a button",
    }
    assert channel.lacking(Demands(frozenset({"D0PERSON01"}))) == {"im:history": f"to a person {again}"}
