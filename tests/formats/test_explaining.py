"""What an author is shown of a reading: the path of each field, what stands there, and what relay takes it for."""

from typing import Any

import pytest

from relay.formats.compiling import compile_format
from relay.formats.explaining import Line, explain
from relay.formats.mapping import roots_of

ITEMS = [{"n": "a", "s": "ok"}, {"n": "b"}, {"n": None, "s": "?"}]


@pytest.mark.parametrize(
    ("field", "spec", "expected"),
    [
        ("job", "a.b", ("a.b", "x", "x")),
        ("job", ["a.none", "a.b | lower"], ("a.b | lower", "x", "x")),
        ("job", ["a.none", "a.nowhere"], ("a.none, a.nowhere", "", "")),
        ("job", "{a.b} of {a.none}", ("{a.b} of {a.none}", "", "")),
        ("type", {"text": "nightly"}, ("", "nightly", "nightly")),
        ("attempt", "a.b", ("a.b", "x", "")),
        ("started", "t", ("t", "1795226400", "2026-11-21T02:00:00+00:00")),
        ("owner", "a", ("a", "{⋯ 2}", "")),
        ("priority", {"of": ["a.none", "a.b"], "High": "x"}, ("a.b", "x", "High")),
        ("job", [{"of": "a.b", "y": "z"}, {"of": "t", "y": "1*"}], ("t", "1795226400", "y")),
        ("job", "$header.X-Kind", ("$header.X-Kind", "run", "run")),
    ],
)
def test_a_field_has_the_path_that_says_something(field: str, spec: Any, expected: tuple[str, str, str]) -> None:
    form = compile_format({"run": "t", "status": {"of": "t", "Running": "*"}, field: spec})
    document = {"a": {"b": "x", "none": None}, "t": 1795226400}
    missed, lines = explain(form, 1, roots_of(document, {"x-kind": "run"}))

    assert (missed, lines[-1]) == ([], Line(field, *expected))
    assert lines[1] == Line("status", "t", "1795226400", "Running")


def test_phases_are_told_together_and_a_case_that_does_not_hold_by_its_first_condition() -> None:
    phases = {"of": "items", "name": "n", "status": {"of": "s", "Completed": "ok"}, "ended": "e"}
    case = {"run": "r", "status": {"of": "r", "Running": "*"}}
    cases = [
        case | {"when": {"r": "present", "kind": ["x", "y"]}},
        case | {"phases": phases, "labels": {"branch": "r"}},
    ]
    form = compile_format({"cases": cases, "keep_bodies": "false"})
    missed, lines = explain(form, 2, roots_of({"r": "1", "kind": "z", "items": ITEMS}))

    assert [(row.case, row.path, row.expected, row.said) for row in missed] == [(1, "kind", "x or y", "z")]
    assert lines[2:] == [
        Line("labels.branch", "r", "1", "1"),
        Line("phases.of", "items", "[⋯ 3]", "[⋯ 3]"),
        Line("phases.name", "n", "a, b, –", "a, b, –"),
        Line("phases.ended", "e", "", ""),
        Line("phases.status", "s", "ok, –, ?", "Completed, –, –"),
    ]
    assert explain(form, 2, roots_of({"r": "1", "items": 7}))[1][2:] == [
        Line("labels.branch", "r", "1", "1"),
        Line("phases.of", "items", "7", "7"),
    ]
    assert not form.keep_bodies
