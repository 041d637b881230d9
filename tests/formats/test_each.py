"""Formats with `each`: several runs in one document, or in an array."""

from typing import Any

import pytest

from relay.formats.compiling import compile_format
from relay.formats.mapping import Format

STATUS = {"of": "item.state", "Running": "run", "Completed": "ok"}
RUNS = {"each": "runs", "run": "{item.id}/{host}", "status": STATUS}
SEVERAL: list[dict[str, Any]] = [
    {"when": {"kind": "ping"}, "ignore": "a ping"},
    {"each": "runs", "when": {"item.kind": "noise"}, "ignore": "noise"},
    RUNS | {"when": {"item.id": "present"}, "phases": {"of": "item.steps", "name": "step"}},
    {"when": {"run": "present"}, "run": "run.id", "status": {"of": "run.state", "Running": "run"}},
]


def told(form: Format, body: Any, **options: Any) -> list[str]:
    """Return of each reading its run, why it is ignored, or what is missing."""
    return [
        reading.document["operation"]["operationId"] if reading.document else reading.ignored or reading.missing
        for reading in form.readings(body, **options)
    ]


def runs(*items: Any, **body: Any) -> dict[str, Any]:
    return {"host": "a", "runs": [*items], **body}


NO_CASE = "no case of the format is about it"
ONE, TWO = {"id": 1, "state": "run", "kind": "job"}, {"id": 2, "state": "ok"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (runs(ONE, TWO), ["1/a", "2/a"]), (runs(TWO, ONE), ["2/a", "1/a"]), (runs(ONE), ["1/a"]),
        (runs(ONE, {"kind": "noise"}, {"id": 3, "state": "?"}, 7, None, [], {}),
         ["1/a", "noise", "status", NO_CASE, NO_CASE, NO_CASE, NO_CASE]),
        (runs({}, run={"id": 9, "state": "run"}), ["9"]),  # none of the items is anything: the document may be
        (runs(ONE, kind="ping"), ["a ping"]), (runs(), [NO_CASE]), ({"runs": {"id": 1}}, [NO_CASE]),
        ([ONE], [NO_CASE]), (7, [NO_CASE]),
    ],
)  # fmt: skip
def test_each_item_is_read_by_the_first_case_that_holds_for_it(body: Any, expected: list[str]) -> None:
    assert told(compile_format(SEVERAL), body) == expected


def test_an_array_is_a_list_as_well() -> None:
    form = compile_format({"each": "$body", "run": "item.id", "status": STATUS})

    assert told(form, [ONE, TWO]) == ["1", "2"]
    assert told(form, ONE) == [NO_CASE]


def test_an_items_list_has_its_phases() -> None:
    (reading,) = compile_format(SEVERAL).readings(runs(ONE | {"steps": [{"step": "load"}]}))

    assert reading.document
    assert reading.document["operation"]["phases"] == [{"phaseName": "load"}]


def test_what_is_beyond_a_hundred_items_is_missing_and_counted() -> None:
    items = [{"id": number, "state": "ok"} for number in range(130)]
    *taken, beyond = compile_format(RUNS).readings(runs(*items))

    assert len(taken) == 100
    assert (beyond.missing, beyond.beyond) == ("each", 30)
    assert told(compile_format(RUNS), runs(*items), limit=1000)[-1] == "129/a"
