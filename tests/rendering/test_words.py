"""Words that were wrong once: of batches, digests, names and limits, in Slack and by mail, in both languages."""

import json
import re
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from relay.domain.deliveries import Kind
from relay.domain.digest_entries import summarize
from relay.domain.events import Event
from relay.engine.bundles import summary_of
from relay.engine.records import Operation
from relay.rendering import Renderer
from relay.rendering.texts import cut_middle
from relay.rendering.translations import Catalogues
from tests.support import digests, samples, slacks
from tests.support.renderers import BUILT_IN

AT = "2024-01-20T12:52:00Z"


def words(
    renderer: Renderer, channel: str, event: Event, language: str = "en", kind: Kind = "each", *history: Event
) -> str:
    """Return all that a message says."""
    content = renderer.render(channel, kind, event, (*history, event), language=language, timezone="Europe/Berlin",
                              now=event.occurred_at, destination="team")  # fmt: skip
    content.pop("html", None)
    return json.dumps(content, ensure_ascii=False).replace("\xa0", " ").replace("\\n", "\n")


def batch(*statuses: str, event: str = "batch.completed", **more: Any) -> Event:
    """A batch whose operations have these statuses; what did not complete says the same cause."""
    rows = [
        {"operationId": f"op-{n}", "operationName": f"Load {chr(65 + n)}", "status": status,
         **({} if status == "Completed" else {"error": "No room"})}
        for n, status in enumerate(statuses)
    ]  # fmt: skip
    its = {"batchId": "b-1", "batchName": "Month-end", "status": "Completed", "operations": rows} | more
    return samples.event_of(samples.envelope(event, AT, batch=its))


FAILED, PARTLY = ("Failed", "Fehlgeschlagen"), ("Completed with failures", "Mit Fehlern abgeschlossen")


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize(("statuses", "label", "marks"), [
    (("Failed", "Failed", "Timeout"), FAILED, "❌✕"),
    (("Failed", "Cancelled", "Pending"), FAILED, "❌✕"),
    (("Failed", "Completed", "Failed"), PARTLY, "⚠!"),
])  # fmt: skip
def test_a_batch_of_which_nothing_succeeded_failed(
    renderer: Renderer, statuses: tuple[str, ...], label: tuple[str, str], marks: str, language: str
) -> None:
    event = batch(*statuses)
    messages: dict[Kind, Event] = {
        "each": event, "live": event, "digest": digests.told("digest", digests.FRIDAY, [summarize(event)]),
    }  # fmt: skip

    for kind, of in messages.items():
        for channel, mark in zip(("slack", "email"), marks, strict=True):
            text = words(renderer, channel, of, language, kind)
            assert label[language == "de"] in text, kind
            assert mark in text, kind


@pytest.mark.parametrize(("language", "says"), [
    ("en", ["3 failed, 1 stalled", "3 need attention", "2 × No room", "Works again", "ended at 05:00"]),
    ("de", ["3 fehlgeschlagen, 1 hängt", "Handlungsbedarf bei 3 Läufen", "2 × No room", "Läuft wieder",
            "beendet um 05:00 Uhr"]),
])  # fmt: skip
def test_a_digest_parts_what_works_again_and_says_a_cause_once(
    renderer: Renderer, language: str, says: list[str]
) -> None:
    failed = [digests.entry(n, "Sync", "Failed", error="No room.") for n in range(2)]
    again = [digests.entry(n, "Load", status, at=f"2026-03-09T0{n}:00:00+00:00", error="Gone.")
             for n, status in ((4, "Failed"), (5, "Completed"))]  # fmt: skip
    stalled = digests.entry(9, "Slow", "Running", rule="silent")
    event = digests.told("digest", digests.FRIDAY, [*failed, *again, stalled])

    text = words(renderer, "email", event, language, "digest")

    for part in says:
        assert part in text, text


def run(event: str, **operation: Any) -> Event:
    its = {"operationId": "op-1", "operationName": "Sales load", **operation}
    return samples.event_of(samples.envelope(event, AT, operation=its))


@pytest.mark.parametrize(("word", "english", "german"), [
    ("OpenLineage", "OpenLineage", "OpenLineage"), ("cron job", "Cron job", "Cron job"), ("SPARK", "Spark", "Spark"),
    ("p99_latency", "p99 latency", "p99 latency"), ("Pending", "Waiting", "Wartet"),
    ("Timeout", "Timed out", "Zeitlimit überschritten"),
    ("overallConfidenceScore", "Overall confidence score", "Verlässlichkeit insgesamt"),
])  # fmt: skip
def test_a_word_is_written_as_its_maker_writes_it(word: str, english: str, german: str) -> None:
    catalogues = Catalogues([BUILT_IN])

    assert (catalogues.language("en").label(word), catalogues.language("de").label(word)) == (english, german)


def test_since_when_a_run_goes_on_is_said_once_and_no_id_stands_beside_its_link(renderer: Renderer) -> None:
    for name in ("operation.started", "operation.progress"):
        text = words(renderer, "slack", run(name, status="Running", startTime="2024-01-20T12:02:00Z"))

        assert text.count("^{time}") == 2, text  # with when it is updated
        assert text.partition('"blocks"')[2].count("Running") <= 1, text
        assert "op-1|op-1" not in text


def test_ids_that_only_programs_read_stand_in_no_message_of_slack(renderer: Renderer) -> None:
    bare = Renderer([BUILT_IN])
    alert = "f404ecabc8dd5cd7/2026-12-03T06:02:26.326Z"

    assert alert not in words(bare, "slack", run("operation.failed", operationId=alert))
    assert alert in words(bare, "email", run("operation.failed", operationId=alert))
    assert "`op-1`" in words(bare, "slack", run("operation.failed"))


def test_a_limit_is_one_number(renderer: Renderer) -> None:
    began = "2024-01-20T11:52:00.4Z"
    event = run("operation.timeout", status="Timeout", dateCreated=began, timeoutAt="2024-01-20T12:51:59Z")

    assert "1 h" in (text := words(renderer, "slack", event))
    assert "59 min" not in text


def test_a_line_of_its_own_begins_with_a_capital(renderer: Renderer) -> None:
    event = replace(slacks.events_of(deepcopy)["operation.failed"], past=slacks.past_ends(1))

    assert "\nLast success" in words(renderer, "email", event)
    assert "\nZuletzt erfolgreich am" in words(renderer, "email", event, "de")


def test_pushes_end_in_whole_sentences(renderer: Renderer) -> None:
    for name in slacks.NAMES:
        text = slacks.message(renderer, name, "live")["text"]
        assert text.endswith((".", "!", "?", "…")), text


@pytest.mark.parametrize(("language", "says"), [("en", "> and 1 more"), ("de", "> und 1 weiterer Lauf")])
def test_one_more_is_one_run(renderer: Renderer, language: str, says: str) -> None:
    event = batch("Failed", "Failed", "Running", event="batch.operation.completed")

    assert says in words(renderer, "slack", event, language)


@pytest.mark.parametrize(("statuses", "says"), [
    (("Failed", "Failed"), "· 2 failed: No room (Load A, Load B)"),
    (("Failed", "Completed"), "· 1 of 2 completed, 1 failed: No room (Load A)"),
])  # fmt: skip
def test_the_row_of_a_batch_says_why_its_operations_failed(
    renderer: Renderer, statuses: tuple[str, ...], says: str
) -> None:
    row = summary_of(Operation("1", subject="b-1", summary=summarize(batch(*statuses))))

    assert says in words(renderer, "slack", digests.told("digest", digests.FRIDAY, [row]), "en", "digest")


def test_a_batch_that_completed_says_how_many(renderer: Renderer) -> None:
    event = digests.told("digest", digests.FRIDAY, [summarize(batch(*["Completed"] * 12))])

    assert "· 12 completed" in words(renderer, "slack", event, "en", "digest")


def test_a_member_without_a_name_is_called_by_its_type(renderer: Renderer) -> None:
    rows = [{"operationId": f"op-{n}", "status": status} for n, status in enumerate(("Failed", "Completed"))]
    known = {"op-0": {"type": "DataEnrichment", "failed": "Failed", "cause": "No room"}}
    event = replace(batch(operations=rows), members=json.dumps(known))

    assert "Data enrichment op-0" in words(renderer, "slack", event)


@pytest.mark.parametrize("name", ["batch.completed", "batch.operation.completed"])
def test_grouped_failures_lead_to_their_runs_in_a_mail(renderer: Renderer, name: str) -> None:
    event = batch("Failed", "Failed", "Completed", event=name)
    content = renderer.render("email", "each", event, (), language="en", timezone="UTC", now=event.occurred_at)

    assert re.search(r'/runs/op-0"[^>]*>Load A</a>, <a href="[^"]*/runs/op-1"[^>]*>Load B</a>', content["html"])
    assert re.search(r"\n  Load A, Load B\n  https://\S+/runs/op-0\n  https://\S+/runs/op-1\n", content["text"])


@pytest.mark.parametrize(("name", "shown"), [
    ("Quarterly revenue reconciliation Germany", "Quarterly…Germany"),
    ("Quarterly revenue Germany load", "Quarterly…Germany load"),
    ("Quarterly revenue France load", "Quarterly…France load"),
    ("Comprehensive Customer Journey Analysis", "Comprehensive…Analysis"),
    ("k" * 30, f"{'k' * 12}…{'k' * 11}"), ("Sales load", "Sales load"),
])  # fmt: skip
def test_a_long_name_keeps_as_many_words_from_both_ends_as_find_room(name: str, shown: str) -> None:
    assert cut_middle(name, 24) == shown
