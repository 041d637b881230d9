"""relay test-send: one real message to one destination, told to be a test, and what the other side answered."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from click.testing import Result

from relay.store.queries.reachability import Reachability
from tests.support.audit import acts_of
from tests.support.inprocess import relay_beside
from tests.support.serving import change
from tests.support.stage import Surroundings, running

NOTE = "Test message, sent with relay test-send."
MORE = """
  morning: {email: [reader@example.com], mode: digest, language: de}
  digested: {slack: "#room", mode: digest}
  watchers: {slack: "#room", mode: outcomes}
rules:
"""


@pytest.fixture
def config(config: Path) -> Path:
    change(config, "\nrules:\n", MORE)
    return config


@pytest.fixture
async def here(around: Surroundings, config: Path) -> AsyncIterator[Surroundings]:
    async with running(around, config):
        yield around


async def sent(around: Surroundings, config: Path, *arguments: str) -> Result:
    return await relay_beside("test-send", "-c", config, *arguments, env=around.env)


async def test_slack_has_the_message_marked_in_text_and_blocks_and_its_permalink_is_printed(
    here: Surroundings, config: Path
) -> None:
    done = await sent(here, config, "team", "--event", "operation.failed")
    again = await sent(here, config, "team")
    [act] = await acts_of(here.store.redis)
    states = (await Reachability(here.store).of(["channel:slack", "destination:team/#team"], [])).values()

    assert [state.name for state in states] == ["works", "works"]
    [message] = here.slack.messages("#team")
    assert done.exit_code == 0
    assert re.fullmatch(rf"#team: http\S+/archives/\w+/p{message.ts.replace('.', '')}\n", done.output)
    assert message.text.startswith("Test: Failed: ")
    assert message.blocks[0]["elements"][0]["text"].startswith(NOTE)
    assert not re.search(r"<[!@]", json.dumps([message.text, message.blocks]).replace("<!date", ""))  # calls nobody
    assert here.slack.violations == []
    assert (again.exit_code, "team got a test message just now" in again.output) == (1, True)
    assert (act.action, act.subject, act.outcome) == ("test-send", "team", "reached 1 of 1")


async def test_a_mail_is_marked_in_the_readers_language_and_filtered_as_what_it_stands_for(
    here: Surroundings, config: Path
) -> None:
    done = await sent(here, config, "german", "--event", "batch.completed")
    await sent(here, config, "english", "--event", "operation.failed")

    german, english = here.inbox.mails
    assert done.output.startswith("german@example.com: 250 ")
    assert german.subject.startswith("[Test] ")
    assert all("Testnachricht, gesendet mit relay test-send." in part for part in (german.text, german.html))
    assert german.html.index("Testnachricht") < german.html.index("<h1")
    headers = english.message
    assert (headers["X-Relay-Status"], headers["X-Relay-Event"]) == ("Failed", "operation.failed")
    assert str(headers["X-Relay-Operation"]).startswith("operation-test-")
    assert "2024" not in english.text


async def test_each_address_is_tried_and_one_that_is_refused_is_told_with_its_answer(
    here: Surroundings, config: Path
) -> None:
    here.inbox.answer("gone@example.com", "550 5.1.1 No such user here")

    done = await sent(here, config, "pair")

    assert done.exit_code == 1
    assert done.stdout.startswith("here@example.com: 250 ")
    assert "550 5.1.1 No such user here" in done.stderr


async def test_what_cannot_be_sent_is_said_and_nothing_is(here: Surroundings, config: Path) -> None:
    unknown = await sent(here, config, "tea")
    event = await sent(here, config, "team", "--event", "operation.faild")
    digest = await sent(here, config, "room", "--event", "digest")

    assert (unknown.exit_code, "there is no destination tea; did you mean team?" in unknown.output) == (1, True)
    assert (event.exit_code, "did you mean operation.failed?" in event.output) == (1, True)
    assert "template" not in event.output
    assert (digest.exit_code, "room has no mode: digest, so it gets none" in digest.output) == (1, True)
    assert not here.slack.messages("#team")
