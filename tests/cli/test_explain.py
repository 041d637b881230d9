"""relay explain EVENT.json: each rule true or false, each destination with what holds it back."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from relay.domain.events import Event
from relay.operating.explanation import explanation_of
from tests.support.configuration import CHANNELS, GOOD, configured
from tests.support.events import body, failed, progress, started
from tests.support.inprocess import NEEDED, SHIPPED, relay


def text(document: Any, *arguments: str) -> str:
    result = relay("explain", "-", "-c", SHIPPED, *arguments, stdin=json.dumps(document))
    assert result.exit_code == 0, result.output
    return result.output


def explain(document: Any, *arguments: str) -> Any:
    return json.loads(text(document, "--json", *arguments))


def test_every_rule_is_told_with_what_was_wanted_and_what_was_there_and_the_text_says_the_same() -> None:
    document = body("operation.progress", 67)
    rules, said = explain(document)["rules"], text(document)

    assert [(rule["rule"], rule["matches"]) for rule in rules] == [
        ("follow important runs", True),
        ("follow batches", False),
        ("failures reach people", False),
        ("everything ends up in the digest", True),
    ]
    assert rules[0]["conditions"][2] == {
        "name": "priorities", "wanted": ["High", "Critical"], "actual": "High", "holds": True,
    }  # fmt: skip
    assert said.startswith("operation.progress from async-operations: Comprehensive Customer Journey Analysis, Running")
    for part in (
        "✔ follow important runs → process-mining\n    ✔ events          operation.progress (wanted: operation.*)",
        "✘ failures reach people → process-mining, analysts",
        "process-mining slack, live: #process-mining\n    because of follow important runs\n",
    ):
        assert part in said


def test_whom_a_source_may_not_name_and_what_else_holds_of_it_is_said() -> None:
    wishes = {"email": "cfo@example.com", "slack": {"channel": "#board"}}

    explanation = explain({"operationId": "op-1", "notifications": wishes}, "--source", "error")

    why = "the source error names nobody (sources.error.may_name_recipients)"
    assert explanation["refused"] == [
        {"channel": "email", "address": "cfo@example.com", "why": why},
        {"channel": "slack", "address": "#board", "why": why},
    ]
    assert "taken only if a signed source has told of the operation" in explanation["limits"][0]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ('{"event": "operation.failed"}', "-: operation.operationId: expected an operation with an operationId"),
        ('{"event": ', "-: "),
        ("[]", "-: expected an object at the top"),
    ],
)
def test_what_is_no_event_is_refused_with_the_reason(content: str, complaint: str) -> None:
    result = relay("explain", "-", "-c", SHIPPED, stdin=content)

    assert (result.exit_code, result.stdout, result.stderr.startswith(complaint)) == (1, "", True)


def test_no_secret_and_no_running_relay_is_needed(tmp_path: Path) -> None:
    config = tmp_path / "relay.yaml"
    shipped = SHIPPED.read_text("utf-8")
    config.write_text(shipped.replace("${SLACK_BOT_TOKEN}", "file:/run/secrets/none"))
    unset = dict.fromkeys(NEEDED)

    result = relay("explain", "-", "-c", config, env=unset, stdin=json.dumps(body("operation.failed")))

    assert "file:/run/secrets/none" in config.read_text()
    assert (result.exit_code, "✔ failures reach people" in result.output) == (0, True), result.output


def test_an_event_that_its_source_takes_no_more_is_shown_with_why() -> None:
    times = ("2024-01-20T11:40:00Z", datetime.now(UTC).isoformat())
    old, new = [explain(body("operation.failed") | {"timestamp": at})["limits"] for at in times]

    assert old[0].startswith("refused as it is: timestamp: expected at most 7d before its receipt")
    assert new == []


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("no-such-file.json",), "there is no file no-such-file.json"),
        (("-", "--source", "progres"), "there is no source progres; did you mean progress?"),
        ((), "Missing argument 'EVENT.json"),
    ],
)
def test_wrong_use_is_told_apart(arguments: tuple[str, ...], complaint: str) -> None:
    result = relay("explain", *arguments, "-c", SHIPPED, stdin="{}")

    assert (result.exit_code, complaint in result.stderr) == (2, True)


@pytest.mark.parametrize(
    ("event", "destination", "said"),
    [
        (started(priority="Low"), "team", "its priority is Low"),
        (started(), "analysts", "not worth a mail unless a rule names it"),
        (progress(40, batchId="batch-1"), "team", "if batch batch-1 has a message here, it is told by its edits alone"),
        (failed(batchId="batch-1"), "team", "if batch batch-1 has a message here, it is told in its thread"),
    ],
)
def test_what_keeps_an_event_from_being_told_is_said(event: Event, destination: str, said: str) -> None:
    conditions = "priorities: [High, Critical]\n    min_progress_increment: 10\n    notify: [team]"
    config = configured(GOOD, (conditions, "notify: [team, analysts]"))

    told = explanation_of(event, config, CHANNELS)["destinations"]

    (holds,) = [one["holds"] for one in told if one["destination"] == destination]
    assert any(said in hold for hold in holds)
