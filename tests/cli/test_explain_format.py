"""relay explain of a foreign sender's body: the case taken, each field with its path, and what comes of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.inprocess import relay

CONFIG = """sources:
  billing: {format: billing, signature: {scheme: token, secrets: {current: "${UNSET}"}}}
formats:
  billing:
    - {when: {$header.X-Kind: run}, run: batch.no, job: [title, batch.title], started: batch.title,
       status: {of: state, Running: RUN, Failed: ERR}, error: err.text | first_line}
    - {when: {kind: heartbeat}, ignore: a heartbeat}
channels: {slack: {token: xoxb-1-2}}
destinations: {team: {slack: "#team"}}
rules: [{name: failures, statuses: Failed, notify: team}]
"""
RUN = {"batch": {"no": 31, "title": "Invoices"}, "state": "ERR", "err": {"text": "disk full\nat 3"}}


@pytest.fixture
def explain(tmp_path: Path) -> Any:
    (tmp_path / "relay.yaml").write_text(CONFIG, "utf-8")

    def explained(document: Any, *options: str, status: int = 0) -> str:
        config = ("--source", "billing", "-c", tmp_path / "relay.yaml")
        result = relay("explain", "-", *config, *options, stdin=json.dumps(document))
        assert result.exit_code == status, result.output
        return result.output

    return explained


def test_a_body_is_shown_with_its_case_each_field_with_its_path_and_who_is_told(explain: Any) -> None:
    facts = json.loads(explain(RUN, "--header", "X-Kind: run", "--json"))
    said = explain(RUN, "--header", "x-kind:RUN")

    (reading,) = facts["format"]
    lines = {line["field"]: (line["path"], line["value"]) for line in reading["lines"]}
    assert reading["case"] == 1
    assert lines["run"] == ("batch.no", "31")
    assert lines["job"] == ("batch.title", "Invoices")
    assert lines["error"] == ("err.text | first_line", "disk full")
    assert (facts["event"]["status"], facts["event"]["name"]) == ("Failed", "Invoices")
    assert said.startswith("case 1 of the format\n    run             31 (batch.no)\n")
    assert "    started         nothing, though it says Invoices (batch.title)\n" in said
    assert "✔ failures → team" in said


def test_what_is_ignored_and_what_is_refused_is_said_with_why(explain: Any) -> None:
    beat, other = explain({"kind": "heartbeat"}), explain({"kind": "audit"}, "--json")
    unknown = explain(RUN | {"state": "HALF\u202e"}, "--header", "X-Kind: run", status=1)

    assert beat.endswith("ignored: a heartbeat\n")
    assert "case 1 does not hold: $header.X-Kind is not there (wanted: run)" in beat
    assert [row["case"] for row in json.loads(other)["format"][0]["missed"]] == [1, 2]
    assert json.loads(other)["event"] is None
    assert 'no row has the word "half\ufffd"' in unknown
    assert "✔" not in unknown


def test_relays_own_document_as_a_dead_letter_shows_it_is_not_read_by_the_format(explain: Any) -> None:
    own = {"event": "operation.failed", "operation": {"operationId": "31", "operationName": "Invoices"}}

    facts = json.loads(explain(own, "--json"))

    assert facts["format"] == []
    assert (facts["event"]["status"], facts["event"]["subject"]) == ("Failed", "31")


def test_a_header_needs_a_name_and_a_colon(explain: Any) -> None:
    assert "expected NAME: TEXT" in explain(RUN, "--header", "X-Kind", status=2)
