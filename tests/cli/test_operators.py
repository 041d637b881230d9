"""`relay serve` as people run it: Slack takes nothing, and those who run relay have a mail that says so."""

from pathlib import Path

import pytest

from relay.dev.standins.slack import Fault
from tests.support.commands import Serving, relay
from tests.support.serving import change, events, started
from tests.support.stage import CONFIG, Surroundings, post
from tests.support.waiting import until

pytestmark = pytest.mark.slow

PAUSE = "{relay}:pause:channel:slack"


async def test_of_a_slack_that_is_dead_the_mail_arrives_and_explain_knows_it(
    around: Surroundings, config: Path
) -> None:
    """What takes five minutes is over at once: the store is told that Slack has been paused for ten."""
    change(config, "rules:\n", "operators: [english, room]\nrules:\n")
    around.slack.outages["*"] = Fault("invalid_auth")
    redis = around.store.redis
    async with Serving(config, around.env) as serving:
        await post(serving.url, started())
        await until(lambda: redis.exists(PAUSE))
    await redis.hincrby(PAUSE, "since", -600_000)

    async with Serving(config, around.env) as serving:
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


async def test_a_start_without_operators_says_so_in_one_line(around: Surroundings) -> None:
    async with Serving(CONFIG, around.env) as serving:
        warned = events(serving, "config.warned")

    assert [row["key"] for row in warned] == ["operators"]
    assert "nobody hears that relay itself cannot notify" in warned[0]["warning"]
