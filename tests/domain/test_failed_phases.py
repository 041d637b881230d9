"""A failed run without a cause takes that of its first failed phase."""

from dataclasses import replace
from typing import Any

import pytest

from relay.domain.error_reader import SENTENCE
from relay.domain.events import Event
from relay.domain.failed_phases import MAX_NAME, MAX_PHASES, first_failed, lacks_cause, with_cause
from relay.domain.parsing import dump, load, parse
from tests.support.events import RECEIVED

LINT, NONE = '[0, "lint", "exit 1"]', '[0, "", ""]'
BOTH = '[0, "lint", "exit 1", "unit", "no room"]'


def of(name: str, *, run: int = 0, **parts: Any) -> Event:
    document = {"event": name, "operation": {"operationId": "op-1", "retryNumber": run}, **parts}
    return parse(document, source="s", received_at=RECEIVED)


def ended(status: str, **phase: Any) -> Event:
    stated = of("operation.phase.completed", phase={"phaseName": "unit", "status": status, **phase})
    return replace(stated, mapped=True)


@pytest.mark.parametrize(
    ("event", "run", "known", "fact"),
    [
        (ended("Failed", message="no\nroom"), 0, "", '[0, "unit", "no room"]'),
        (ended("Failed", message="no room"), 0, LINT, BOTH),  # the first one stays
        (ended("Completed", phaseName="lint"), 0, BOTH, '[0, "unit", "no room"]'),
        (ended("Completed"), 0, BOTH, LINT),
        (ended("Failed", message=7), 1, LINT, '[1, "unit", ""]'),  # that of another run does not
        (ended("Completed", message="fine"), 0, "", ""),
        (ended("Completed"), 0, LINT, LINT),
        (ended("Completed", phaseName="lint"), 0, LINT, NONE),  # it was tried again
        (replace(ended("Completed", phaseName="lint"), mapped=False), 0, LINT, LINT),  # as relay's own say it
        (ended("Failed", message="no room"), 0, NONE, '[0, "unit", "no room"]'),
        (ended("Failed", phaseName=""), 0, "", ""),
        (of("operation.failed"), 0, LINT, LINT),
        (of("operation.failed"), 1, LINT, ""),
    ],
)
def test_the_first_failed_phase_of_a_run_is_remembered(event: Event, run: int, known: str, fact: str) -> None:
    assert first_failed(event, run, known) == fact


@pytest.mark.parametrize("letter", ["x", "表"])
def test_the_fact_is_short_whatever_a_sender_states(letter: str) -> None:
    fact = ""
    for number in range(10):
        name = f"{number}{letter * 100_000}"
        fact = first_failed(ended("Failed", message=letter * 100_000, phaseName=name), 0, fact)

    assert MAX_PHASES * SENTENCE < len(fact) < MAX_PHASES * (MAX_NAME + SENTENCE + len('"", "", ')) + len("[0, ]")


@pytest.mark.parametrize(
    ("event", "fact", "message"),
    [
        (of("operation.failed"), LINT, "lint failed – exit 1"),
        (of("operation.failed"), BOTH, "lint failed – exit 1"),
        (of("operation.failed", error={"code": "E1"}), '[0, "lint", ""]', "lint failed"),
        (of("operation.failed", error={"message": "disk full"}), LINT, "disk full"),
        (of("operation.failed", run=1), LINT, None),  # of another run
        (of("operation.completed"), LINT, None),
        (of("operation.failed"), "", None),
        (of("operation.failed"), NONE, None),
    ],
)
def test_a_failure_that_states_no_cause_takes_that_of_a_phase(event: Event, fact: str, message: str | None) -> None:
    told = with_cause(event, fact)

    assert told.error.get("message") == message
    assert told.error.get("code") == event.error.get("code")
    assert load(dump(told)).error == told.error
    assert lacks_cause(told) == (message is None and event.name == "operation.failed")
