"""`relay serve` as people run it: Slack takes nothing, and those who run relay have a mail that says so."""

from pathlib import Path

import pytest

from relay_sandbox.standins.slack import Fault
from tests.cli.serving import change, events, started
from tests.support.commands import Serving, relay
from tests.support.stage import Surroundings, post

pytestmark = pytest.mark.soak

WITH_OPERATORS = ("rules:\n", "operators: [english, room]\nrules:\n")


async def test_of_a_slack_that_refuses_the_token_the_mail_arrives_and_explain_knows_it(
    around: Surroundings, config: Path
) -> None:
    change(config, *WITH_OPERATORS)
    around.slack.outages["*"] = Fault("invalid_auth")
    async with Serving(config, around.env) as serving:
        await post(serving.url, started())
        [mail] = await around.mails(1)
        line = await serving.wait_for_line("relay.trouble")
        env = {**around.env, "RELAY_PORT": "0"}
        explained = await relay("explain", line["notice"], "-c", config, env=env)
        warned = events(serving, "config.warned")

    assert mail.recipient == "english@example.com"
    assert "Slack: messages do not get through (since " in mail.subject
    assert "invalid_auth: check channels.slack.token" in mail.text
    assert line["told"] == ["english"]
    assert "→ english: told, attempt 1: 250" in explained.out
    assert not any("operators" in f"{row}" for row in warned)
    assert around.slack.messages("#room") == []
