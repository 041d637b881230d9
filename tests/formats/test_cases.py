"""Cases of formats: what is wrong with them is said at once."""

from typing import Any

import pytest

from relay.formats.compiling import compile_format
from relay.formats.faults import FormatError

GOOD: dict[str, Any] = {
    "when": {"kind": "run"}, "run": "batch.no", "job": "batch.title", "progress": "done_pct", "started": "t0",
    "status": {"of": "state", "Running": ["RUN", "HOLD"], "Failed": "ERR"}, "error": "err.text | first_line",
    "phases": {"of": "steps", "name": "step", "status": {"of": "rc", "Completed": "OK"}},
    "labels": {"site": "site.name"},
}  # fmt: skip
BEAT = {"when": {"kind": "heartbeat"}, "ignore": "a heartbeat"}


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ({"run": "no"}, True), ({"run": "{no}"}, True), ({"run": "{no}/{t0}"}, False),
        ({"run": "no", "at": "t0"}, False), ({"run": "no", "attempt": "try"}, False),
        ({"run": "no", "phase": {"name": "x", "status": "y"}}, False),
    ],
)  # fmt: skip
def test_a_case_with_nothing_that_tells_runs_apart_is_named(case: dict[str, Any], said: bool) -> None:
    status = {"of": "s", "Failed": "x"}
    if "phase" in case:  # an event about a phase has its run's id
        case["phase"]["status"] = status
    else:
        case["status"] = status
    assert compile_format({"cases": [case]}).cases[0].repeats_runs == said


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ([{"ignore": "x"}, BEAT], "(1,): never reached: case 1 holds wherever this one does"),
        ([GOOD, GOOD], "(1,): never reached: case 1"),
        ({"cases": [GOOD, BEAT, BEAT]}, "('cases', 2): never reached: case 2"),
        (GOOD | {"samples": "x"}, "('samples',): removed; `relay format try` shows what the format makes of a"),
        ({"cases": [], "run": "y"}, "('run',): unknown key"),
        (GOOD | {"priority": ["kind", {"of": "kind", "Hihg": "x"}]}, "('priority', 1, 'Hihg'): unknown word"),
        (GOOD | {"priority": {"text": "Hgih"}}, "('priority', 'text'): unknown word Hgih; did you mean High?"),
    ],
)
def test_cases_that_cannot_be_are_refused(spec: Any, expected: str) -> None:
    with pytest.raises(FormatError) as caught:
        compile_format(spec)

    assert expected in f"{caught.value.path}: {caught.value}"
