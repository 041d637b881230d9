"""Errors of one cause have one signature, whatever numbers, names and times stand in their words."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relay.domain.events import Event
from relay.domain.failed_phases import is_generic
from relay.domain.identity import LENGTH, error_of, folded, signature
from relay.engine.arrival import Arrival
from tests.support.events import failed, progress

SAME = [
    (
        "Worker async-worker-03 stopped: no heartbeat for 300 s.",
        "Worker async-worker-11 stopped: no heartbeat for 12.5 s.",
    ),
    ("Run op-ff0e8400-e29b-41d4-a716-446655440000 is gone", "Run 0b4ae3c1-1111-4b41-8a1e-2f6a5b1d9e77 is gone"),
    ("Table 'VBAK' is locked", "Table 'LIPS' is locked"),
    ('Cannot read "orders of May"', 'Cannot read "orders"'),
    ("Tabelle „Kunden“ fehlt", "Tabelle „Aufträge“ fehlt"),
    ("No answer from https://sap.example.com/a?b=c", "No answer from https://erp.example.com/"),
    ("Timed out at 2024-01-20T12:52:00Z", "Timed out at 2025-02-01T00:00:00Z"),
    ("Mail to ann@example.com refused", "Mail to bob@example.com refused"),
    ("Disk  full\n on /data", "disk full on /data"),
]
OTHER = [
    ("Worker stopped", "Extractor stopped"),
    ("The source didn't answer, and won't", "The source didn't start, and won't"),
    ("Table 'VBAK' is locked", "Table 'VBAK' is missing"),
]


@pytest.mark.parametrize(("message", "again"), SAME)
def test_what_differs_from_run_to_run_is_left_out(message: str, again: str) -> None:
    assert signature({"message": message}) == signature({"message": again}) != ""


@pytest.mark.parametrize(("message", "other"), OTHER)
def test_another_wording_is_another_cause(message: str, other: str) -> None:
    assert signature({"message": message}) != signature({"message": other})


def test_another_code_is_another_cause() -> None:
    assert signature({"code": "E404", "message": "No"}) != signature({"code": "E503", "message": "No"})
    assert signature({"errorCode": "E404", "errorMessage": "No"}) == signature({"code": "E404", "detail": "No"})


def test_the_wording_can_be_read() -> None:
    assert folded("Worker w-3 stopped: no heartbeat for 300 s.") == "worker # stopped: no heartbeat for # s."


@pytest.mark.parametrize("error", [{}, {"code": None, "message": ""}, {"message": "  "}, {"retryable": True}])
def test_without_an_error_there_is_none(error: dict[str, Any]) -> None:
    assert signature(error) == ""


def test_the_error_is_read_wherever_the_event_states_it() -> None:
    assert error_of(failed())["code"] == "SOURCE_TIMEOUT"
    assert error_of(progress(5, error={"code": "X"})) == {"code": "X"}
    assert error_of(progress(5, error="No answer")) == {"message": "No answer"}
    assert error_of(progress(5)) == {}


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))  # a busy machine is no fault
@given(
    st.dictionaries(
        st.sampled_from(["code", "message", "detail"]),
        st.recursive(st.text() | st.integers() | st.none(), st.lists, max_leaves=8),
    )
)
def test_whatever_stands_there_has_a_short_signature_or_none(error: dict[str, Any]) -> None:
    assert len(signature(error)) in (0, LENGTH)


@pytest.mark.parametrize(
    ("generic", "error", "operation"),
    [
        *((True, {"message": words}, {}) for words in (
            "build failed", "exit 1", "exit 127", "exit status 139", "Process completed with exit code 1.",
            "Run Errored", "unit tests: script_failure", "step failed: Deploy to staging",
            "Error: the job has failed")),
        (True, {"message": "Nightly failed"}, {"operationName": "Nightly"}),
        (True, {"message": "lint (3.12) failed – step failed: Run ruff", "phase": "lint (3.12)"}, {}),
        (True, {"code": 1, "message": "failed"}, {}),
        (True, {"code": "BUILD_FAILED"}, {}),
        (True, {}, {}),
        *((False, {"message": words}, {}) for words in (
            "connection failed", "OutOfMemoryError: process failed", "no space left on device", "Killed",
            "java.lang.NullPointerException: failed",
            "psycopg2.OperationalError: connection to 10.0.0.7 failed")),
        (False, {"code": "E17", "message": "failed"}, {}),
    ],
)  # fmt: skip
def test_words_that_say_only_that_something_failed_are_no_common_cause(
    generic: bool,
    error: dict[str, Any],
    operation: dict[str, Any],
) -> None:
    assert is_generic(replace(failed(**operation), error=error)) == generic


def cause_of(event: Event) -> str:
    """Return what others may have in common with it; '' for nothing."""
    return (Arrival(event).cause or ("",))[-1]


def test_failures_of_another_project_or_repository_have_another_cause() -> None:
    one = failed()
    others = [
        replace(one, tenant="other"), replace(one, project="other"), failed(labels={"repository": "web"}),
        failed(labels={"repository": "api"}),
    ]  # fmt: skip

    assert len({cause_of(event) for event in (one, *others)}) == 5
    assert cause_of(one) == cause_of(failed(operationId="op-2", labels={"branch": "x"}))
