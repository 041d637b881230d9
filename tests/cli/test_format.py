"""relay format try: what a format makes of a document, without a relay."""

import json
from pathlib import Path

from tests.support.foreign import PING, workflow_run
from tests.support.inprocess import relay

OWN = """formats:
  broken: {run: 'x[0]', status: {of: s}}
  billing: {run: batch.no, job: batch.title, status: {of: state, Running: RUN, Failed: ERR}}
"""


def tried(name: str, document: object, *options: str | Path, status: int = 0) -> str:
    result = relay("format", "try", name, "-", *options, stdin=json.dumps(document))
    assert result.exit_code == status, result.output
    return result.output


def test_a_preset_shows_the_case_and_relays_own_document() -> None:
    first, _, document = tried("github-actions", workflow_run("completed", "failure")).partition("\n")

    assert first == "case 1"
    assert json.loads(document)["operation"]["status"] == "Failed"
    assert tried("github-actions", PING) == "case 3: ignored: GitHub's ping\n"
    assert tried("github-actions", {"x": 1}) == "no case: ignored: no case of the format is about it\n"


def test_a_format_of_ones_own_shows_what_it_does_not_find(tmp_path: Path) -> None:
    (tmp_path / "relay.yaml").write_text(f"{OWN}sorces: {{}}\nchannels: x\n", "utf-8")
    options = ("-c", tmp_path / "relay.yaml")
    unknown = {"batch": {"no": 7, "title": "Invoices\u202e"}, "state": "HALF\ncase 9: forged"}

    assert '"operationId": "7"' in tried("billing", unknown | {"state": "RUN"}, *options)
    assert tried("billing", unknown, *options, status=1) == (
        'case 1: status: nothing that fits is found\nstatus: no row has the word "half case 9: forged"\n'
    )
    facts = json.loads(tried("billing", unknown, *options, "--json", status=1))
    assert (facts["missing"], facts["unknown"]) == ("status", [["status", "half\ncase 9: forged"]])
    assert "relay.yaml:2: formats.broken.run: x[0] has brackets" in tried("broken", {}, *options, status=2)
    assert "there is no format biling; did you mean billing?" in tried("biling", {}, *options, status=2)
    assert "expected an object at the top" in tried("billing", 7, *options, status=1)
