"""Batches of many operations, what has no name, and what is over: as people read it."""

from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest

from relay.rendering import Renderer
from relay.rendering.filters import SIGNS
from tests.rendering.slack_reading import texts
from tests.support import samples, slacks

Body = dict[str, Any]
CAUSES = [f"SAP extractor did not answer for {300 + n} s." for n in range(11)] + [
    "Column BUKRS is missing",
    "Disk full",
]


def three_hundred(status: str, event: str = "batch.completed") -> Body:
    """A batch of three hundred operations, of which thirteen failed."""
    rows: list[Body] = [
        {"operationId": f"op-{n:04d}", "operationName": f"Company code {1000 + n}", "status": "Completed"}
        for n in range(300)
    ]
    for row, cause in zip(rows[5::23], CAUSES, strict=False):
        row |= {"status": "Failed", "error": {"message": cause}}
    document = {"batchId": "batch-1", "batchName": "Nightly load", "status": status, "operations": rows}
    return samples.envelope(event, "2024-01-20T13:22:00Z", batch=document)


def rendered(renderer: Renderer, channel: str, body: Body, kind: Any = "each", **options: Any) -> Any:
    event = samples.event_of(body)
    options = {"language": "en", "timezone": "Europe/Berlin", "now": event.occurred_at} | options
    return renderer.render(channel, kind, event, (event,), **options)


def read(renderer: Renderer, body: Body, kind: Any = "each", **options: Any) -> str:
    return "\n".join(texts(rendered(renderer, "slack", body, kind, **options)["blocks"])).replace("\xa0", " ")


@pytest.mark.parametrize(
    ("kind", "body"),
    [*((kind, three_hundred("Completed")) for kind in ("each", "live", "reply")),
     ("live", three_hundred("Running", "batch.operation.completed"))],
)  # fmt: skip
def test_failures_of_a_batch_are_told_cause_by_cause(renderer: Renderer, kind: str, body: Body) -> None:
    said = read(renderer, body, kind)

    last = "Company code 1005> and 10 more" if kind == "live" else "/op-0235|Company code 1235>"
    assert f"{last}\n" in said
    assert "❌ 11 × SAP extractor did not answer for 300 s: <https" in said
    assert "|Company code 1258> – Column BUKRS is missing" in said
    assert said.count("❌") == 3
    assert "✅" not in said


def test_a_mail_tells_them_cause_by_cause_and_its_preheader_the_first(renderer: Renderer) -> None:
    mail = rendered(renderer, "email", three_hundred("Completed"))

    assert "- 11 × SAP extractor did not answer for 300 s\n  Company code 1005, Company code 1028" in mail["text"]
    assert ", Company code 1235\n  https://" in mail["text"]
    assert mail["preheader"].startswith("11 × SAP extractor did not answer for 300 s. Company code 1258: Column")
    assert mail["text"].count("\n- ") == 3


def test_a_batch_that_the_seed_knows_says_why_its_operation_failed(renderer: Renderer) -> None:
    body = deepcopy(slacks.bodies()["batch.completed"])
    failed = next(row for row in body["batch"]["operations"] if row["status"] == "Failed")
    failed["error"] = {"code": "X", "message": "SAP extractor did not answer"}

    assert f"|{failed['operationKey']}> – SAP extractor did not answer" in (said := read(renderer, body))
    assert "blocks" not in said  # it is over: nothing waits any more


def test_what_waits_for_two_that_failed_for_one_cause_is_counted_once(renderer: Renderer) -> None:
    body = deepcopy(slacks.bodies()["batch.completed"])
    body["batch"]["operations"] = [
        *(
            {"operationId": key, "operationKey": key, "status": "Failed", "error": {"message": "no room"}}
            for key in "ab"
        ),
        {"operationId": "c", "status": "Pending", "dependencies": ["a", "b"]},
    ]
    body["event"] = "batch.operation.completed"
    body["batch"]["status"] = "Running"

    assert "2 × no room (blocks 1 run)" in read(renderer, body)


@pytest.mark.parametrize(
    ("language", "type_", "title"),
    [("en", "DataEnrichment", "Data enrichment"), ("de", "DataEnrichment", "Datenanreicherung"),
     ("en", "ModelDriftCheck", "Model drift check"), ("de", "", "Lauf op-ff0e8400"), ("en", "", "Run op-ff0e8400")],
)  # fmt: skip
def test_a_run_without_a_name_is_called_by_its_type_and_its_id_stands_below(
    renderer: Renderer, language: str, type_: str, title: str
) -> None:
    body = deepcopy(samples.bodies()["operation.failed"])
    del body["operation"]["operationName"]
    body["operation"]["operationType"] = type_ or None
    slack = rendered(renderer, "slack", body, language=language)
    mail = rendered(renderer, "email", body, language=language)

    assert f" *{title}* " in slack["blocks"][0]["text"]["text"]
    assert "|op-ff0e8400>" in slack["blocks"][1]["elements"][0]["text"]
    assert f": {title} – The SAP" in slack["text"]
    assert f": {title} – The SAP" in mail["subject"]
    assert f"\n{title}\nop-ff0e8400\n" in mail["text"]


@pytest.mark.parametrize(("language", "title"), [("en", "Batch of 3 runs"), ("de", "Batch mit 3 Läufen")])
def test_a_batch_without_a_name_is_called_by_its_size(renderer: Renderer, language: str, title: str) -> None:
    body = deepcopy(slacks.bodies()["batch.completed"])
    del body["batch"]["batchName"]
    for row in body["batch"]["operations"]:
        row["operationType"] = "DataEnrichment"
        del row["operationKey"]

    said = read(renderer, body, language=language)
    assert f" *{title}* " in said
    assert "|batch-567e8400>" in said
    assert ("Datenanreicherung op-prep-" if language == "de" else "Data enrichment op-prep-") in said
    mail = rendered(renderer, "email", body, language=language)
    assert mail["subject"].endswith(f": {title}")
    assert f"\n{title}\nbatch-567e8400\n" in mail["text"]


def test_a_phase_that_failed_is_told_as_failed_with_its_cause(renderer: Renderer) -> None:
    body = deepcopy(samples.bodies()["operation.phase.completed"])
    body["phase"] = {"phaseName": "Machine Learning Analysis", "status": "Failed", "duration": 300,
                     "error": {"message": "Traceback (most recent call last):\nValueError: no rows"}}  # fmt: skip
    said, mail = read(renderer, body), rendered(renderer, "email", body)

    assert said.startswith(
        "❌ *Comprehensive Customer Journey Analysis* · Machine Learning Analysis failed – ValueError"
    )
    assert "Next:" not in said
    assert "Machine Learning Analysis 5 min (failed)" in mail["text"]
    assert mail["subject"].startswith("✕ Phase failed: ")


@pytest.mark.parametrize(
    ("language", "later", "words"),
    [("en", 0, "expected to finish at 13:05"), ("en", 3, "was expected to finish at 13:05"),
     ("de", 0, "voraussichtlich um 13:05 Uhr fertig"), ("de", 3, "sollte um 13:05 Uhr fertig sein")],
)  # fmt: skip
def test_an_estimate_that_is_over_is_told_as_over(renderer: Renderer, language: str, later: int, words: str) -> None:
    body = samples.bodies()["operation.progress"]
    now = samples.event_of(body).occurred_at + timedelta(hours=later)

    text = rendered(renderer, "email", body, language=language, now=now)["text"]
    assert f"· {words}" in text
    assert ("left" in text or "noch" in text) == (not later)


def test_each_status_has_one_sign_in_slack() -> None:
    icons = [icon for icon, _ in SIGNS.values()]

    assert len({*icons}) == len(icons)
