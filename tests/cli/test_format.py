"""relay format: what a format makes of a document, without a relay."""

import json
from pathlib import Path

from tests.support.foreign import workflow_run
from tests.support.inprocess import relay

OWN = """formats:
  broken: {run: 'x[0]', status: {of: s}}
  billing: {run: batch.no, job: batch.title, status: {of: state, Running: RUN, Failed: ERR}}
"""


def tried(name: str, document: object, *options: str | Path, status: int = 0) -> str:
    result = relay("format", "try", name, "-", *options, stdin=json.dumps(document))
    assert result.exit_code == status, result.output
    return result.output


def test_a_format_shows_the_case_its_fields_and_relays_own_document(tmp_path: Path) -> None:
    (tmp_path / "relay.yaml").write_text(f"{OWN}sorces: {{}}\nchannels: x\n", "utf-8")
    options = ("-c", tmp_path / "relay.yaml")
    unknown = {"batch": {"no": 7, "title": "Invoices\u202e"}, "state": "HALF\ncase 9: forged"}
    said = tried("github-actions", workflow_run("completed", "failure"))
    (facts,) = json.loads(tried("billing", unknown, *options, "--json", status=1))

    assert said.startswith("case 1 of the format\n    run             7700000001 (workflow_run.id)\n")
    document = json.loads(said[said.index("\n{") :])
    assert document["operation"]["trackingUrl"].endswith("/7700000001/attempts/1")
    assert tried("github-actions", {"x": 1}).endswith("ignored: no case of the format is about it\n")
    assert '"operationId": "7"' in tried("billing", unknown | {"state": "RUN"}, *options)
    assert facts["refused"].endswith('no row has the word "half case 9: forged"')
    assert "\ncase 9" not in tried("billing", unknown, *options, status=1)
    assert "relay.yaml:2: formats.broken.run: x[0] has brackets" in tried("broken", {}, *options, status=2)
    assert "there is no format biling; did you mean billing?" in tried("biling", {}, *options, status=2)
    assert "it is no unambiguous JSON object" in tried("billing", 7, *options, status=1)
