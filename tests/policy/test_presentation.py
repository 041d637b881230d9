"""What each event does and whom it calls, cell by cell, against the matrix as it is written in the documentation."""

from dataclasses import replace
from typing import Any

import pytest

from relay.domain.deliveries import Presentation
from relay.domain.events import PRIORITIES, Event
from relay.policy.destinations import QuietHours
from relay.policy.presentation import (
    MATRIX,
    by_outcome,
    callable_names,
    mentions_for,
    presentation_for,
    reply_in_batch_thread,
)
from relay.policy.presentation import OWNER as OWNERS
from tests.support.events import body, cancelled, completed, event_of, failed, progress, seed, started
from tests.support.matrix import CELLS, PASSING

OWNER = {"createdBy": "j.mueller@example.com"}
GROUP = {f"critical_{status}": ("@data-team",) for status in ("failed", "timeout", "stalled")}


def told_as(status: str, priority: str = "Normal", **operation: Any) -> Event:
    stated = {"priority": priority} | OWNER | operation
    makers = {
        "Initiated": lambda: started(**stated),
        "Running": lambda: progress(40, **stated),
        "Completed": lambda: completed(**stated),
        "Failed": lambda: failed(**stated),
        "Timeout": lambda: failed(status="Timeout", **stated),
        "Stalled": lambda: stalled(**stated),
        "Cancelled": lambda: cancelled(**stated),
    }
    return makers[status]()


def stalled(reminder: int = 0, **stated: Any) -> Event:
    part = {"rule": "silent", "reminder": reminder}
    return event_of(body("operation.stalled", 40, status="Stalled", **stated) | {"stalled": part}, source="relay")


def member(status: str, **operation: Any) -> Event:
    """A batch tells that one of its operations is over."""
    done = {"operationId": "op-2", "status": status, "priority": "High"} | operation
    return event_of({"event": "batch.operation.completed", "batch": seed("submit-batch.response"), "operation": done})


def batch_of(*statuses: str) -> Event:
    """It is over, and its operations have these statuses."""
    operations = [{"operationId": f"op-{number}", "status": status} for number, status in enumerate(statuses)]
    batch = seed("submit-batch.response") | {"operations": operations, "status": "Completed"}
    return event_of({"event": "batch.completed", "batch": batch})


@pytest.mark.parametrize(("status", "priority", "cell"), CELLS)
def test_every_cell_of_the_matrix_is_told_as_written_and_calls_whom_it_says(
    status: str, priority: str, cell: str
) -> None:
    event = told_as(status, priority)
    presentation = presentation_for(event)

    assert presentation.new_message == (cell != "-")
    assert presentation.thread_reply == (cell[0] in "RB")
    assert presentation.broadcast == (cell[0] == "B")
    called = {"o": ("j.mueller@example.com",), "g": ("@data-team",)}.get(cell[-1], ())
    assert mentions_for(event, (), GROUP) == called


def test_the_documentation_has_a_row_for_every_status() -> None:
    assert {status for status, _, _ in CELLS} == MATRIX.keys() - {"Recovered"}


def test_quiet_hours_are_passed_by_what_the_documentation_says() -> None:
    hours = QuietHours.model_validate({"from": "20:00", "to": "07:00"})

    assert {
        (status, priority) for status, priority, _ in CELLS if hours.lets_pass(told_as(status, priority))
    } == PASSING


@pytest.mark.parametrize(
    ("status", "priority", "low_wanted", "like"),
    [("Failed", "", False, "Normal"), ("Completed", "Low", True, "Normal"), ("Failed", "High", True, "High")],
)
def test_what_states_no_priority_is_told_as_normal_and_a_low_one_where_a_rule_names_it(
    status: str, priority: str, low_wanted: bool, like: str
) -> None:
    assert presentation_for(told_as(status, priority), low_wanted=low_wanted) == presentation_for(told_as(status, like))


def test_an_event_that_relay_does_not_know_is_in_no_cell() -> None:
    audited = event_of(body("operation.audited", status="Failed", priority="Critical"))

    assert presentation_for(audited) == Presentation()
    assert mentions_for(audited, (), {}) == ()


def test_a_reminder_goes_to_the_conversation_where_the_alarm_itself_was_an_edit() -> None:
    cells = {(status, priority): cell for status, priority, cell in CELLS}

    assert cells["Stalled", "Normal"] == "N"
    assert not presentation_for(stalled(priority="Normal")).thread_reply
    assert presentation_for(stalled(1, priority="Normal")).broadcast
    for priority in ("Low", "High", "Critical"):
        assert presentation_for(stalled(1, priority=priority)) == presentation_for(stalled(priority=priority))


# Batches


@pytest.mark.parametrize(
    ("status", "reply"), [("Completed", False), ("Failed", True), ("Timeout", True), ("Cancelled", True)]
)
def test_a_member_that_met_with_a_mishap_is_told_in_the_batchs_thread_and_a_success_is_not(
    status: str, *, reply: bool
) -> None:
    assert presentation_for(member(status)).thread_reply == reply


def test_a_batch_keeps_its_message_whatever_the_priority_of_a_member() -> None:
    assert presentation_for(member("Completed", priority="Low")).new_message
    assert presentation_for(member("Failed", priority="Low")) == Presentation(thread_reply=True)


def test_the_end_of_a_batch_with_failures_goes_to_the_conversation_and_calls_nobody() -> None:
    ended = [batch_of("Completed", status) for status in ("Failed", "Timeout", "Completed", "Cancelled")]

    assert [presentation_for(event).broadcast for event in ended] == [True, True, False, False]
    assert all(presentation_for(event).thread_reply and not mentions_for(event, (), {}) for event in ended)


def test_of_members_that_fail_and_call_nobody_the_conversation_sees_one() -> None:
    assert presentation_for(member("Failed", priority="Normal")).once_in_batch
    assert not presentation_for(member("Failed", priority="High")).once_in_batch
    assert not presentation_for(batch_of("Failed")).once_in_batch


def test_a_members_own_events_are_told_in_the_batchs_thread_only_if_something_is_wrong() -> None:
    told = {(status, priority) for status, priority, _ in CELLS if reply_in_batch_thread(told_as(status, priority))}

    wrong = {(status, priority) for status in ("Failed", "Timeout") for priority in PRIORITIES}
    assert told == wrong | {("Stalled", "High"), ("Stalled", "Critical")}


def test_a_failed_member_calls_whom_a_failure_of_its_priority_calls() -> None:
    assert mentions_for(member("Failed", **OWNER), (), {}) == ("j.mueller@example.com",)
    assert mentions_for(member("Failed"), (), {"high_failed": ("@analyst",), "running": ("@all",)}) == ("@analyst",)


# Who


@pytest.mark.parametrize(
    ("mention", "expected"),
    [
        ({}, ("j.mueller@example.com",)),
        ({"failed": ("@analyst",)}, ("@analyst",)),
        ({"failed": ("@analyst",), "high_failed": ("@lead",)}, ("@lead",)),
        ({"failed": ("owner", "@analyst")}, ("j.mueller@example.com", "@analyst")),
        ({"failed": ()}, ()),
        ({"failed": ("@analyst",), "high_failed": ()}, ()),
        ({"completed": ("@analyst",)}, ("j.mueller@example.com",)),
    ],
)
def test_the_destinations_own_words_decide_before_the_matrix(
    mention: dict[str, tuple[str, ...]], expected: tuple[str, ...]
) -> None:
    assert mentions_for(told_as("Failed", "High"), (), mention) == expected


@pytest.mark.parametrize(
    ("mention", "expected"),
    [
        ({"failed": ("@analyst",), "critical_failed": ("@lead",)}, ("@lead",)),
        ({"failed": ("@analyst",)}, ("@analyst",)),
        ({"timeout": ("@ops",), "critical_failed": ("@lead",)}, ("@ops",)),
        ({"critical_timeout": ("@night",), "timeout": ("@ops",)}, ("@night",)),
        ({"timeout": (), "critical_failed": ("@lead",)}, ()),
        ({"completed": ("@analyst",)}, ("j.mueller@example.com",)),
    ],
)
def test_a_time_out_without_an_entry_calls_those_of_a_failure(
    mention: dict[str, tuple[str, ...]], expected: tuple[str, ...]
) -> None:
    assert mentions_for(told_as("Timeout", "Critical"), (), mention) == expected
    assert set(expected) - {"j.mueller@example.com"} <= callable_names(mention)


def test_outcomes_that_call_nobody_are_known() -> None:
    mention = {"timeout": (), "critical_failed": ("@lead",), "failed": ("owner",)}

    silent = dict.fromkeys(("high_timeout", "critical_timeout"), ())
    owners = dict.fromkeys(("critical_completed", "high_failed", "high_stalled", "critical_stalled"), ("owner",))
    assert by_outcome(mention) == silent | owners | {"critical_failed": ("@lead",)}


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"owner": "a@example.com", "createdBy": "b@example.com"}, ("a@example.com",)),
        ({"initiatedBy": "U012AB3CD"}, ("U012AB3CD",)),
        ({"initiatedBy": "J. Müller", "createdBy": "b@example.com"}, ("b@example.com",)),
        ({"createdBy": {"name": "J. Müller", "email": "b@example.com"}}, ("b@example.com",)),
        ({"createdBy": "@channel"}, ()),
        ({"createdBy": "S0DATATEAM"}, ()),
        ({"createdBy": "user123"}, ()),
        ({"createdBy": 7}, ()),
        ({}, ()),
    ],
)
def test_an_owner_is_called_by_an_address_or_an_id_of_slacks_and_nothing_else(
    document: dict[str, Any], expected: tuple[str, ...]
) -> None:
    event = failed(**({"priority": "High"} | document))

    assert mentions_for(event, (), {}) == expected


def test_the_owner_is_known_from_earlier_events() -> None:
    begun, ended = started(**OWNER), failed(priority="High")

    assert mentions_for(ended, (begun, ended), {}) == ("j.mueller@example.com",)


PRESSED = {"user": "U0JANA0001", "userName": "jana", "realName": "Jana Müller"}


@pytest.mark.parametrize(
    ("actor", "pressed", "named", "called"),
    [
        *((actor, {}, (named, "@lead"), ("@lead",))
          for actor in ("j.mueller@example.com", "J.Mueller@example.com", "j.mueller", "@j.mueller")
          for named in ("owner", "j.mueller@example.com", "@j.mueller")),
        ("user123", PRESSED, ("U0JANA0001", "jana@example.com", "@lead"), ("@lead",)),
        ("user123", {}, ("owner",), ("j.mueller@example.com",)),
    ],
)  # fmt: skip
def test_nobody_is_called_for_a_cancel_of_his_own(
    actor: str, pressed: dict[str, str], named: tuple[str, ...], called: tuple[str, ...]
) -> None:
    event = replace(told_as("Cancelled", "Critical"), cancellation={"cancelledBy": actor}, pressed=pressed)

    assert mentions_for(event, (), {"cancelled": named}) == called


SILENT = dict.fromkeys(("completed", "failed", "timeout", "stalled"), ())


@pytest.mark.parametrize("mention", [{}, GROUP, SILENT, {"failed": ("@analyst",)}, SILENT | {"cancelled": ("owner",)}])
def test_whom_a_message_calls_is_one_of_those_that_may_be(mention: dict[str, tuple[str, ...]]) -> None:
    owner = OWNER["createdBy"]
    statuses = [status for status in MATRIX if status != "Recovered"]
    called = {
        OWNERS if name == owner else name
        for status in statuses for priority in PRIORITIES
        for name in mentions_for(told_as(status, priority), (), mention)
    }  # fmt: skip

    assert called <= callable_names(mention)
    assert (OWNERS in called) == (OWNERS in callable_names(mention))
