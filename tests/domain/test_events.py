"""parse: every spelling in which the Async Operations API, or something like it, tells one fact."""

from dataclasses import replace
from typing import Any

import pytest

from relay.domain.facts import fill, merge_documents
from relay.domain.identity import fingerprint
from relay.domain.parsing import dump, load, parse
from relay.errors import InvalidEvent
from tests.support import events
from tests.support.events import RECEIVED, body, event_of, seed

OPERATION = seed("operation-status.response")


def at(document: dict[str, Any], default: str) -> Any:
    return parse(document, source="s", received_at=RECEIVED, default_event=default)


@pytest.mark.parametrize(
    ("document", "fact", "expected"),
    [
        *(({key: "operation.paused", "operation": OPERATION}, "name", "operation.paused")
          for key in ("event", "eventType", "type")),
        *((body(progress=progress), "percentage", kept)
          for progress, kept in ((67, 67), (67.0, 67), ({"percentage": 67}, 67), (-5, 0), ({"percentage": 250}, 100))),
        (body("operation.progress", status="Failed"), "name", "operation.failed"),
        (body("operation.timeout", status="Timeout"), "name", "operation.failed"),
        (body() | {"timestamp": "2024-01-20T11:40:00"}, "occurred_at", RECEIVED),  # in UTC
        (body(status="RUNNING"), "status", "Running"),
        (body(priority="high"), "priority", "High"),
    ],
)  # fmt: skip
def test_each_spelling_is_read(document: dict[str, Any], fact: str, expected: object) -> None:
    event = event_of(document)

    assert getattr(event.operation if fact == "priority" else event, fact) == expected


@pytest.mark.parametrize(
    "document",
    [
        pytest.param({"event": "operation.progress", "operation": OPERATION}, id="the canonical envelope"),
        pytest.param({"event": "operation.progress", "data": OPERATION}, id="under data"),
        pytest.param({"event": "operation.progress", "payload": OPERATION}, id="under payload"),
        pytest.param({"event": "operation.progress", "data": {"operation": OPERATION}}, id="an envelope under data"),
        pytest.param({"event": "operation.progress", **OPERATION}, id="flat"),
    ],
)
def test_the_operation_may_stand_anywhere(document: dict[str, Any]) -> None:
    assert fingerprint(event_of(document)) == fingerprint(event_of(body()))


@pytest.mark.parametrize("key", ["data", "payload"])
def test_what_the_envelope_says_of_itself_goes_before_names_in_the_document_within(key: str) -> None:
    inner = OPERATION | {
        "type": "ProcessMining",
        "eventId": "row-1",
        "timestamp": "2023-01-01T00:00:00Z",
        "tenantId": "b",
    }
    outer = {"type": "operation.progress", "eventId": "evt-1", "timestamp": "2024-01-20T11:40:00Z", "tenantId": "a"}

    event = event_of(outer | {key: inner})

    assert (event.name, event.id, event.occurred_at) == ("operation.progress", "evt-1", RECEIVED)
    assert event.tenant == "b"  # whose run it is, the run's own document knows


@pytest.mark.parametrize("none", ["0001-01-01T00:00:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.9999999Z"])
def test_the_first_and_the_last_year_are_no_times(none: str) -> None:
    operation = OPERATION | {"timeoutAt": none, "dateCreated": none,
                             "progress": {"startTime": none, "estimatedCompletion": none}}  # fmt: skip

    told = event_of({"event": "operation.progress", "operation": operation}).operation

    assert told and (told.started, told.estimate, told.deadline) == (None, None, None)


@pytest.mark.parametrize(
    ("document", "default", "name"),
    [
        ("start-operation.response", "operation.progress", "operation.started"),
        ("operation-status.response", "operation.progress", "operation.progress"),
        ("operation-status.response", "operation.completed", "operation.progress"),
        ("operation-results.response", "operation.completed", "operation.completed"),
        ("operation-results.response", "operation.failed", "operation.completed"),
        ("operation-results.response", "", "operation.completed"),
        ("cancel-operation.response", "operation.failed", "operation.cancelled"),
        ("retry-operation.response", "operation.progress", "operation.started"),
        ("submit-batch.response", "batch.started", "batch.started"),
        ("submit-batch.response", "batch.completed", "batch.started"),
        ("operation-results.response", "batch.operation.completed", "batch.operation.completed"),
        ("operation-results.response", "batch.completed", "operation.completed"),
    ],
)
def test_a_seed_document_means_the_same_at_every_address(document: str, default: str, name: str) -> None:
    """The status decides where it contradicts the address: a running operation did not complete."""
    assert at(seed(document), default).name == name


@pytest.mark.parametrize("default", ["operation.completed", "operation.failed"])
def test_a_timeout_is_told_as_one_whatever_named_it(default: str) -> None:
    assert at(OPERATION | {"status": "Timeout"}, default).status == "Timeout"


UNSEEN = [" ", "\u200b", "\u202e", "\n", " \u3000 ", "\u3164", "\u115f", "\uffa0", "\u200d", "\ufe0f", "\u2800"]


@pytest.mark.parametrize("status", UNSEEN)
def test_a_status_that_nobody_sees_is_not_stated(status: str) -> None:
    assert event_of(body("operation.progress", status=status)).status == "Running"
    assert event_of(body("operation.progress", status=f"{status}\u2705")).status == f"{status}\u2705"


def test_unknown_fields_are_kept() -> None:
    event = event_of(body(customField={"deep": [1]}) | {"outer": True})

    assert merge_documents([event])["customField"] == {"deep": [1]}
    assert event.document["outer"] is True


def test_the_webhook_and_the_callback_tell_the_same_fact() -> None:
    webhook = event_of(body("operation.completed", 100, status="Completed"))

    assert fingerprint(webhook) == fingerprint(at(seed("operation-results.response"), "operation.completed"))


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(events.progress(68), id="another percentage"),
        pytest.param(events.progress(67, operationId="op-2"), id="another operation"),
        pytest.param(events.progress(67, retryNumber=1), id="another retry"),
        pytest.param(events.completed(), id="another event"),
    ],
)
def test_facts_differ_by_what_happened(other: Any) -> None:
    assert fingerprint(other) != fingerprint(events.progress(67))


def test_a_phase_that_fails_and_then_succeeds_is_two_facts_of_which_the_success_is_what_it_was() -> None:
    failed, done, bare = (
        fingerprint(replace(event_of({"event": "operation.phase.completed", "operation": {"operationId": "op-1"},
                                      "phase": {"phaseName": "load"} | status}), mapped=True))
        for status in ({"status": "Failed"}, {"status": "Completed"}, {})
    )  # fmt: skip

    assert failed != done
    assert done == bare == '["op-1", "operation.phase.completed", "Running", "load", 0]'


def test_without_a_percentage_the_stated_time_tells_facts_apart_else_their_ids() -> None:
    thin = {"event": "operation.progress", "operation": {"operationId": "op-1"}}
    dated = [fingerprint(event_of(thin | {"timestamp": "2024-01-20T11:00:00Z", "eventId": id_})) for id_ in "ab"]
    undated = [fingerprint(event_of(thin | {"eventId": id_})) for id_ in "ab"]

    assert len({*dated}) == 1
    assert len({*undated}) == 2


def test_an_event_survives_the_store_unchanged() -> None:
    for document in (body(), seed("operation-results.response"), seed("submit-batch.response")):
        event = at(document, "operation.completed")

        assert load(dump(event)) == event
    assert load(dump(replace(event, mapped=True))).mapped


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({}, "operation.operationId"),
        ({"event": "operation.progress"}, "operation.operationId"),
        ({"event": 5, "operation": OPERATION}, "event"),
        ({"event": "a b", "operation": OPERATION}, "event"),
        ({"operation": {"operationId": "op"}}, "event"),
        (body() | {"operation": []}, "operation"),
        (body(operationId=""), "operation.operationId"),
        (body(operationId=["x"]), "operation.operationId"),
        (body(operationId="x" * 257), "operation.operationId"),
        (body(progress="50%"), "operation.progress"),
        (body(progress={"percentage": "50"}), "operation.progress.percentage"),
        (body(progress=True), "operation.progress"),
        (body(status=7), "operation.status"),
        (body(operationName={"a": 1}), "operation.operationName"),
        (body() | {"timestamp": "yesterday"}, "timestamp"),
        (body() | {"timestamp": "99999-01-01T00:00:00Z"}, "timestamp"),
        (body() | {"eventId": 17}, "eventId"),
        ({"event": "batch.completed", "operation": OPERATION}, "batch.batchId"),
    ],
)
def test_what_is_no_event_names_the_field_at_fault(document: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidEvent) as caught:
        event_of(document)

    assert caught.value.field == field


# What is remembered of an operation


def test_what_is_known_fills_a_thin_document() -> None:
    thin = parse(seed("cancel-operation.response"), source="s", received_at=RECEIVED)

    filled = fill(thin, {"type": "DataEnrichment", "name": "Nightly", "priority": "High", "tenant": "t"})

    assert filled.operation is not None
    known = (filled.operation.type, filled.operation.name, filled.operation.priority)
    assert known == ("DataEnrichment", "Nightly", "High")
    assert load(dump(filled)) == filled


def test_newer_documents_are_laid_over_older_ones() -> None:
    merged = merge_documents([events.started(), events.progress(40), events.completed(resultUrl="https://x")])

    assert merged["operationName"] == "Comprehensive Customer Journey Analysis"
    assert merged["progress"]["percentage"] == 100
    assert merged["resultUrl"] == "https://x"


@pytest.mark.parametrize("status", ["Cancelled", "Running"])
def test_a_cancellation_in_the_operation_itself_is_told_as_one_beside_it(status: str) -> None:
    stated = events.seed("cancel-operation.response")
    whole = {name: stated[name] for name in stated.keys() - {"operationId", "status"}}
    document = events.seed("operation-status.response") | whole | {"status": status}

    event = events.event_of(
        {"event": f"operation.{status.lower()}".replace("running", "progress"), "operation": document}
    )

    assert event.cancellation == (whole if status == "Cancelled" else {})
