"""Drafts: a format that is guessed from a document is one that check takes, and often reads the document."""

import json
from typing import Any

import pytest
from ruamel.yaml import YAML

from relay.formats.compiling import compile_format
from relay.formats.drafting import draft
from tests.formats.test_findings import SENT
from tests.support.inprocess import relay

INVOICES = {
    "kind": "run", "batch": {"no": 31, "title": "Invoices"}, "state": "HOLD", "t0": 1764370800, "t1": 1764371800000,
    "err": {"text": "disk full"}, "page": {"url": "https://billing.example.com/31"},
}  # fmt: skip


def test_a_document_of_ones_own_is_guessed_by_names_and_times_by_their_form() -> None:
    result = relay("format", "draft", "-", stdin=json.dumps(INVOICES))

    assert (
        result.output
        == """formats:
  mine:
    run: batch.no  # 31
    job: batch.title  # "Invoices"
    started: t0  # 1764370800
    ended: t1  # 1764371800000
    error: err.text  # "disk full"
    link: page.url  # "https://billing.example.com/31"
    status:
      of: state  # "HOLD"
      Initiated: [queued, pending, created, scheduled, requested, waiting, submitted, new]
      Running: ["hold", running, in_progress, started, start, active, processing]
      Completed: [completed, success, succeeded, successful, ok, done, finished, passed, true]
      Failed: [failed, failure, error, errored, err, fail, crashed, false]
      Cancelled: [cancelled, canceled, aborted, stopped]
      Timeout: [timeout, timed_out]
"""
    )


ODD = {
    'a"b': {"id": 1},
    "x y": {"id.of": 2},
    "": {"id": 3},
    "z\x85": {"id": 4},
    "größe 😀": {"status": 'n"o\nne'},
    "n": [[1]],
}


FORMS = {(name, *document): document for name, document in SENT}  # one of each sender's forms


@pytest.mark.parametrize("document", [{}, ODD, *FORMS.values()])
def test_every_draft_is_a_format(document: Any) -> None:
    spec = YAML(typ="safe", pure=True).load("\n".join(draft(document, "a: b.json")))["formats"]["mine"]
    for status, words in list(spec["status"].items()):
        spec["status"][status] = [str(word).lower() for word in words] if isinstance(words, list) else words

    (reading,) = compile_format(spec).readings(document)

    assert spec["samples"] == "a: b.json"
    assert reading.document or reading.missing
