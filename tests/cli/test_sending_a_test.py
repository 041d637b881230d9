"""relay test-send: one real message to one destination, told to be a test, and what the other side answered."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from relay.dev.standins.slack_calls import Fault
from relay.operating.example_events import moved
from relay.store import keys
from tests.support.certificates import make_certificate
from tests.support.commands import Done, relay
from tests.support.events import body
from tests.support.postfix import Postfix, needs_postfix
from tests.support.stage import CONFIG, Surroundings

pytestmark = pytest.mark.slow

NOTE = "Test message, sent with relay test-send."
MORE = """
  morning: {email: [reader@example.com], mode: digest, language: de}
  digested: {slack: "#room", mode: digest}
  watchers: {slack: "#room", mode: outcomes}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    head, found, rules = CONFIG.read_text("utf-8").partition("\nrules:\n")
    assert found
    file = tmp_path / "relay.yaml"
    file.write_text(head + MORE + found + rules)
    return file


async def sent(around: Surroundings, config: Path, *arguments: str) -> Done:
    return await relay("test-send", "-c", config, *arguments, env=around.env)


async def test_slack_has_the_message_marked_in_text_and_blocks_and_its_permalink_is_printed(
    around: Surroundings, config: Path
) -> None:
    done = await sent(around, config, "team")

    [message] = around.slack.messages("#team")
    assert (done.status, done.err) == (0, "")
    assert re.fullmatch(rf"#team: http\S+/archives/\w+/p{message.ts.replace('.', '')}\n", done.out)
    assert message.text.startswith("Test: Completed: ")
    assert message.blocks[0]["elements"][0]["text"].startswith(NOTE)
    assert around.slack.violations == []


async def test_nobody_is_called_by_a_test(around: Surroundings, config: Path) -> None:
    await sent(around, config, "team", "--event", "operation.failed")

    [message] = around.slack.messages("#team")
    assert "Failed" in message.text
    assert not re.search(r"<[!@]", json.dumps([message.text, message.blocks]).replace("<!date", ""))


async def test_a_mail_is_marked_in_subject_and_body_in_the_readers_language(around: Surroundings, config: Path) -> None:
    done = await sent(around, config, "german", "--event", "batch.completed")

    [mail] = around.inbox.mails
    assert done.out.startswith("german@example.com: 250 ")
    assert mail.subject.startswith("[Test] ")
    assert all("Testnachricht, gesendet mit relay test-send." in part for part in (mail.text, mail.html))
    assert mail.html.index("Testnachricht") < mail.html.index("<h1")


async def test_a_readers_filters_see_a_test_as_they_will_see_what_it_stands_for(
    around: Surroundings, config: Path
) -> None:
    await sent(around, config, "english", "--event", "operation.failed")

    headers = around.inbox.mails[0].message
    assert (headers["X-Relay-Status"], headers["X-Relay-Event"]) == ("Failed", "operation.failed")
    assert str(headers["X-Relay-Operation"]).startswith("operation-test-")


async def test_it_says_when_it_was_as_if_it_had_been_now(around: Surroundings, config: Path) -> None:
    await sent(around, config, "english")

    assert "2024" not in around.inbox.mails[0].text


async def test_two_tests_are_two_conversations(around: Surroundings, config: Path) -> None:
    await sent(around, config, "english")
    await sent(around, config, "english")

    first, second = around.inbox.mails
    assert first.id != second.id
    assert first.message["References"] != second.message["References"] or not first.message["References"]


@pytest.mark.parametrize("name", ["morning", "digested"])
async def test_where_digests_go_a_digest_goes(around: Surroundings, config: Path, name: str) -> None:
    facts = (await sent(around, config, name, "--json")).facts
    refused = await sent(around, config, name, "--event", "operation.failed")

    assert (facts["event"], facts["kind"], facts["fault"]) == ("digest", "digest", "")
    assert [bool(row["answer"]) for row in facts["sent"]] == [True]
    assert refused.status == 2
    assert f"{name} gets digests alone" in refused.err


async def test_each_address_is_tried_and_one_that_is_refused_is_told_with_its_answer(
    around: Surroundings, config: Path
) -> None:
    around.inbox.answer("gone@example.com", "550 5.1.1 No such user here")

    done = await sent(around, config, "pair")
    facts = (await sent(around, config, "pair", "--json")).facts

    assert done.status == 1
    assert done.out.startswith("here@example.com: 250 ")
    assert "gone@example.com: " in done.err
    assert "550 5.1.1 No such user here" in done.err
    assert [row["address"] for row in facts["sent"]] == ["gone@example.com", "here@example.com"]


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        ("not_in_channel", "type /invite @relay in #room"),
        ("channel_not_found", "check its name; if it is private, type /invite @relay in it"),
        ("invalid_auth", "check channels.slack.token"),
    ],
)
async def test_the_usual_errors_say_what_to_do(around: Surroundings, config: Path, error: str, advice: str) -> None:
    around.slack.script("chat.postMessage", Fault(error=error))

    done = await sent(around, config, "room")

    assert (done.status, done.out) == (1, "")
    assert error in done.err
    assert advice in done.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("tea",), "there is no destination tea; did you mean team?"),
        (
            ("team", "--event", "operation.faild"),
            "there is no sample of operation.faild; did you mean operation.failed?",
        ),
        (("team", "--event", "digest"), "team has no mode: digest"),
    ],
)
async def test_wrong_use_is_told_and_nothing_is_sent(
    around: Surroundings, config: Path, arguments: tuple[str, ...], says: str
) -> None:
    done = await sent(around, config, *arguments)

    assert done.status == 2
    assert says in " ".join(done.err.split())
    assert not around.slack.calls
    assert not around.inbox.mails


async def test_nothing_is_left_of_it_in_the_store_but_that_there_was_a_test(around: Surroundings, config: Path) -> None:
    await sent(around, config, "watchers")

    assert await around.store.redis.keys() == [keys.AUDIT.encode()]


@pytest.fixture
def own_templates(config: Path, tmp_path: Path) -> Path:
    """The configuration names templates of one's own: a message and a sample."""
    own = tmp_path / "templates"
    (own / "slack").mkdir(parents=True)
    (own / "samples").mkdir()
    (own / "slack" / "generic.yaml").write_text("text: 'own wording of {{ op.name }}'")
    sample = body("operation.audited", operationName="The audit") | {"timestamp": "2024-01-20T12:00:00Z"}
    (own / "samples" / "operation.audited.json").write_text(json.dumps(sample))
    config.write_text(f"templates: {own}\n" + config.read_text())
    return config


async def test_ones_own_templates_and_samples_are_used(around: Surroundings, own_templates: Path) -> None:
    done = await sent(around, own_templates, "room", "--event", "operation.audited")

    assert done.status == 0, done.err
    assert around.slack.messages("#room")[0].text == "Test: own wording of The audit"


@needs_postfix
async def test_a_real_mail_server_takes_it(around: Surroundings, config: Path, tmp_path: Path) -> None:
    with Postfix(make_certificate(tmp_path)) as server:
        env = dict(around.env) | {"STAGE_SMTP": str(server.ports["none"])}
        done = await relay("test-send", "-c", config, "english", env=env)

    assert done.status == 0, done.err
    assert re.match(r"english@example.com: 250 2\.0\.0 Ok: queued as \w+", done.out)


@pytest.mark.parametrize(("body", "told"), [
    ({"timestamp": "2024-01-20T11:40:00", "at": "2024-01-20T11:30:00Z"},
     {"timestamp": "2026-01-01T00:00:00", "at": "2025-12-31T23:50:00+00:00"}),
    ({"timestamp": "2024-01-20T11:40:00Z", "name": "2024-02-30", "end": "9999-12-31T00:00:00Z", "last": "9999-12-31"},
     {"timestamp": "2026-01-01T00:00:00+00:00", "name": "2024-02-30", "end": "9999-12-31T00:00:00Z",
      "last": "9999-12-31"}),
    ({"at": "2024-01-20T11:30:00Z"}, {"at": "2024-01-20T11:30:00+00:00"}),
])  # fmt: skip
def test_a_sample_of_an_authors_own_may_name_odd_times_or_none(body: dict[str, str], told: dict[str, str]) -> None:
    assert moved(body, datetime(2026, 1, 1, tzinfo=UTC)) == told
