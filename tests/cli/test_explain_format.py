"""relay explain of a foreign sender's body: the case taken, each field with its path, and what comes of it."""

import json
from pathlib import Path
from typing import Any

from tests.support.foreign import workflow_run
from tests.support.inprocess import relay

CONFIG = """sources:
  billing: {format: billing, signature: {scheme: token, secrets: {current: "${UNSET}"}}}
  github: {format: github-actions, signature: {scheme: token, secrets: {current: "${UNSET}"}}}
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


def test_a_body_is_shown_with_its_case_each_field_with_its_path_and_who_is_told(tmp_path: Path) -> None:
    (tmp_path / "relay.yaml").write_text(CONFIG, "utf-8")

    def explain(document: Any, *options: str, status: int = 0) -> str:
        config = ("--source", "billing", "-c", tmp_path / "relay.yaml")
        result = relay("explain", "-", *config, *options, stdin=json.dumps(document))
        assert result.exit_code == status, result.output
        return result.output

    said, beat = explain(RUN, "--header", "x-kind:RUN"), explain({"kind": "heartbeat"})
    unknown = explain(RUN | {"state": "HALF\u202e"}, "--header", "X-Kind: run", status=1)
    other = json.loads(explain({"kind": "audit"}, "--json"))
    own = {"event": "operation.failed", "operation": {"operationId": "31", "operationName": "Invoices"}}
    facts = json.loads(explain(own, "--json"))  # as a dead letter shows it: no format reads it

    assert said.startswith("case 1 of the format\n    run             31 (batch.no)\n")
    assert "    started         nothing, though it says Invoices (batch.title)\n" in said
    assert "✔ failures → team" in said
    assert beat.endswith("ignored: a heartbeat\nanswered 202 ignored: its last bodies have it for a week\n")
    assert "the format of github reads it: --source github\n" in explain(workflow_run())
    assert unknown.endswith("answered 422: the quarantine keeps it (relay dead list)\n")
    assert "case 1 does not hold: $header.X-Kind is not there (wanted: run)" in beat
    assert 'no row has the word "half\ufffd"' in unknown
    assert "✔" not in unknown
    assert ([row["case"] for row in other["format"][0]["missed"]], other["event"]) == ([1, 2], None)
    assert (facts["format"], facts["event"]["status"], facts["event"]["subject"]) == ([], "Failed", "31")
    assert "expected NAME: TEXT" in explain(RUN, "--header", "X-Kind", status=2)
