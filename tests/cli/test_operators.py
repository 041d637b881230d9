"""`relay serve` as people run it: Slack takes nothing, and those who run relay have a mail that says so."""

from pathlib import Path

import pytest
from aiohttp import ClientSession

from relay_sandbox.standins.slack import Fault
from tests.support.commands import Serving, relay
from tests.support.serving import change, events, started
from tests.support.stage import Surroundings, post
from tests.support.waiting import until

pytestmark = pytest.mark.slow

STATE = "{relay}:state:channel:slack"
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


async def test_a_slack_that_cannot_be_resolved_is_shown_everywhere_and_green_again_by_itself(
    around: Surroundings, config: Path
) -> None:
    """A minute is over at once: the store is told that it has failed for that long."""
    change(config, *WITH_OPERATORS)
    gone = {**around.env, "STAGE_SLACK": "http://slack.invalid/api/"}
    async with Serving(config, gone) as serving:
        await post(serving.url, started())
        failing = await until(lambda: slack_check(serving))
        await around.store.redis.hincrby(STATE, "since", -60_000)
        [mail] = await around.mails(1)
    async with Serving(config, around.env) as serving:
        await around.messages("#room", len)
        await until(lambda: works(serving))

    assert "slack.invalid" in failing
    assert "Slack: messages do not get through (since " in mail.subject


async def works(serving: Serving) -> bool:
    return not await slack_check(serving)


async def slack_check(serving: Serving) -> str:
    """Return what `/readyz?verbose` says of Slack; '' if nothing is wrong with it."""
    async with ClientSession() as client, client.get(f"{serving.admin_url}/readyz?verbose") as response:
        return str((await response.json())["checks"].get("channel:slack", ""))
