"""relay test-send: one real message to one destination, told to be a test, and what the other side answered."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from relay.store.queries.reachability import Reachability
from tests.cli.asking import Commands
from tests.support.stage import Surroundings, running

NOTE = "Test message, sent with relay test-send."


@pytest.fixture
async def cli(around: Surroundings, config: Path) -> AsyncIterator[Commands]:
    async with running(around, config):
        yield Commands(around, config)


async def test_slack_has_the_message_marked_in_text_and_blocks_and_its_permalink_is_printed(cli: Commands) -> None:
    done = await cli("test-send", "team", "--event", "operation.failed")
    again = await cli("test-send", "team")
    [act] = await cli.acts()
    states = (await Reachability(cli.store).of(["channel:slack", "destination:team/#team"], [])).values()

    assert [state.name for state in states] == ["works", "works"]
    [message] = cli.around.slack.messages("#team")
    assert done.exit_code == 0
    assert re.fullmatch(rf"#team: http\S+/archives/\w+/p{message.ts.replace('.', '')}\n", done.output)
    assert message.text.startswith("Test: Failed: ")
    assert message.blocks[0]["elements"][0]["text"].startswith(NOTE)
    assert not re.search(r"<[!@]", json.dumps([message.text, message.blocks]).replace("<!date", ""))  # calls nobody
    assert cli.around.slack.violations == []
    assert (again.exit_code, "team got a test message just now" in again.output) == (1, True)
    assert (act.action, act.subject, act.outcome) == ("test-send", "team", "reached 1 of 1")


async def test_a_mail_is_marked_in_the_readers_language_and_each_address_is_tried(cli: Commands) -> None:
    cli.around.inbox.answer("gone@example.com", "550 5.1.1 No such user here")
    done = await cli("test-send", "german", "--event", "batch.completed")
    await cli("test-send", "english", "--event", "operation.failed")
    pair = await cli("test-send", "pair")

    german, english, _ = cli.around.inbox.mails
    assert done.output.startswith("german@example.com: 250 ")
    assert german.subject.startswith("[Test] ")
    assert all("Testnachricht, gesendet mit relay test-send." in part for part in (german.text, german.html))
    assert german.html.index("Testnachricht") < german.html.index("<h1")
    headers = english.message
    assert (headers["X-Relay-Status"], headers["X-Relay-Event"]) == ("Failed", "operation.failed")
    assert str(headers["X-Relay-Operation"]).startswith("operation-test-")
    assert "2024" not in english.text
    assert (pair.exit_code, pair.stdout.partition("250")[0]) == (1, "here@example.com: ")
    assert "550 5.1.1 No such user here" in pair.stderr


async def test_what_cannot_be_sent_is_said_and_nothing_is(cli: Commands) -> None:
    for arguments, says in (
        (["tea"], "there is no destination tea; did you mean team?"),
        (["team", "--event", "operation.faild"], "did you mean operation.failed?"),
        (["room", "--event", "digest"], "room has no mode: digest, so it gets none"),
    ):
        done = await cli("test-send", *arguments)

        assert (done.exit_code, says in done.output, "template" in done.output) == (1, True, False), arguments
    assert not cli.around.slack.messages("#team")
