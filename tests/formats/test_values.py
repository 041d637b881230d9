"""Values of formats: paths, texts with paths, tables, converters, and what is wrong with those that are misspelt."""

from datetime import UTC, datetime
from typing import Any

import pytest

from relay.formats.compiling import compile_format
from relay.formats.faults import FormatError
from relay.formats.times import iso_of
from relay.formats.values import value

BODY = {
    "run": {"id": 7, "name": " Nightly ", "note": "None", "big": 1.5, "dotted.name": "d"},
    "steps": [{"name": "a", "ok": True}, {"name": "b", "ok": False, "rc": 3}, {"name": "c", "ok": False, "rc": 0}],
    "message": "error: disk full\nat line 3",
    "arn": "arn:aws:states:eu:1:nightly",
    "0": "zero",
    "item": {"id": 1},
    "labels": [{"k": "v", "n": 7}, {"name": "a&b", "n": 8}],
    "codes": {"007": "seven"},
    "mixed": [None, 7, "k", ["k"], {"k": "v", "n": 9}],
    "empty": [],
    "blank": "\n",
}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("run.id", 7), ("run.nothing", None), ("run.id.deeper", None), ("steps.0.name", "a"), ("steps.-1.name", "c"),
        ("steps.9.name", None), ("steps.ok=false.name", "b"), ("steps.ok=false&rc=0.name", "c"),
        ("steps.ok=true&rc=0.name", None), ('run."dotted.name"', "d"), ("0", "zero"),
        ("item.id", 1),
        (["run.note", "run.nothing", "run.name"], " Nightly "), ("{run.name}/{run.id}", "Nightly/7"),
        ("{run.nothing}/{run.id}", None), ({"text": "fixed"}, "fixed"), ("message | first_line", "error: disk full"),
        ("message | after error:", "disk full\nat line 3"), ("arn | last :", "nightly"),
        ('labels."k"="v".n', 7), ('labels.name="a&b".n', 8), ("codes.007", "seven"),
        ("run.name | lower", "nightly"), ("$header.X-Kind", "workflow_run"),
        ("run.name | not nightly weekly", None), ("run.big | lower", None),
        ({"of": "run.name", "High": ["nightly"], "else": "Low"}, "High"),
        ({"of": "arn", "High": "arn:*", "else": "Low"}, "High"),
        ("mixed.k=v.n", 9), ("mixed.-5", None), ("mixed.-6", None), ("mixed.5", None), ("empty.0", None),
        ("empty.-1", None), ("empty.k=v", None), ("mixed.k", None), ("message.0", None), ("message.k=v", None),
        ("run.k=v", None), ("run.id.0", None), ("run.big.name", None), ("blank | first_line", None),
        ("mixed | first_line", None), ("run | after x", None), ("$header.absent", None), ("$envelope.none", None),
        ({"of": "run.nothing", "High": "x", "else": "Low"}, "Low"), ({"of": "arn", "High": "*:weekly"}, None),
        ({"of": "arn", "High": "*:nightly"}, "High"),
        ({"of": "run.name", "High": "x"}, None), ({"of": "steps.0.ok", "Yes": "true"}, "Yes"),
    ],
)  # fmt: skip
def test_a_value_says(written: Any, expected: Any) -> None:
    assert value(written).read({"$body": BODY, "$header": {"x-kind": "workflow_run"}}) == expected


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ("2026-11-21T05:00:09.123456789Z", datetime(2026, 11, 21, 5, 0, 9, 123456, UTC)),
        ("2026-11-21 05:00:09 UTC", datetime(2026, 11, 21, 5, 0, 9, tzinfo=UTC)),
        ("2026-11-21 05:00:09 +0200", datetime(2026, 11, 21, 3, 0, 9, tzinfo=UTC)),
        ("20261121", datetime(2026, 11, 21, tzinfo=UTC)),
        (1764370800, datetime(2025, 11, 28, 23, tzinfo=UTC)), (1764370800000, datetime(2025, 11, 28, 23, tzinfo=UTC)),
        ("1764370800", datetime(2025, 11, 28, 23, tzinfo=UTC)), ("0001-01-01T00:00:00Z", None), ("soon", None),
        (True, None), (0, None), (10**30, None), (float("nan"), None), ("9999-12-31T23:59:59-10:00", None), ([], None),
    ],
)  # fmt: skip
def test_a_time_is_read_in_the_ways_of_its_senders(stated: Any, expected: datetime | None) -> None:
    assert iso_of(stated) == (expected.isoformat() if expected else None)


def test_a_list_that_is_not_complete_gives_no_percentage() -> None:
    steps = {"of": "steps", "name": "name", "status": {"of": "ok", "Completed": "true", "Failed": "false"}}
    case = {"run": "run.id", "status": {"of": "run.id", "Running": "7"}}
    read = {
        complete: compile_format(case | {"phases": steps | {"complete": complete}}).readings(BODY)[0].document or {}
        for complete in ("True", "false")
    }

    assert read["True"]["operation"]["progress"]["percentage"] == 100.0
    assert read["false"]["operation"]["progress"] == {"phasesCompleted": 3}


CASE: dict[str, Any] = {"run": "batch.no", "job": "batch.title", "status": {"of": "state", "Completed": "OK"}}


@pytest.mark.parametrize(
    ("changes", "place", "expected"),
    [
        ({"progres": "done"}, ("progres",), "unknown key; did you mean progress?"),
        ({"satus": "x"}, ("satus",), "unknown key; did you mean status?"),
        ({"status": {"of": "state", "Complete": "OK"}}, ("status", "Complete"),
         "unknown word; did you mean Completed?"),
        ({"status": {"of": "state", "Failed": "OK", "Completed": ["ok"]}}, ("status", "Completed"),
         "ok stands in the row Failed as well"),
        ({"status": {"Completed": "OK"}}, ("status",), "expected a table: {of: path, Completed: their word, …}"),
        ({"status": "state"}, ("status",), "expected a table: {of: path, Completed: their word, …}"),
        ({"status": {"of": "state", "else": "Unknown"}}, ("status", "else"),
         "unknown word Unknown; expected Cancelled"),
        ({"error": "a..b"}, ("error",), "a..b is no path; expected names with full stops between them"),
        ({"error": "a[0].b"}, ("error",), "a[0] has brackets; write a.0"),
        ({"error": ""}, ("error",), "an empty path is no path"),
        ({"error": "text | firstline"}, ("error",), "firstline is no converter; did you mean first_line?"),
        ({"error": "text | after"}, ("error",), "after is no converter by itself; expected after and a text"),
        ({"error": "{a} and {b"}, ("error",), "{a} and {b has a brace without its other half"),
        ({"error": ".".join("abcdefghijklm")}, ("error",),
         "a.b.c.d.e.f.g.h.i.j.k.l.m has 13 steps; expected at most 12"),
        ({"error": "items.name=.x"}, ("error",), "name= chooses nothing; expected member=value, joined by &"),
        ({"error": {"text": ["x"]}}, ("error",), 'expected a path, a "text with {path}"'),
        ({"when": {"kind": []}}, ("when", "kind"), "expected a word, several, present or absent"),
        ({"when": {"kind": "*a*"}}, ("when", "kind"), "*a* fits no word"),
        ({"error": "items.name=x&.y"}, ("error",), "chooses nothing"),
        ({"when": "kind"}, ("when",), "expected a path and what it must be"),
        ({"ignore": "not a run"}, ("ignore",), "expected a reason, and no fields beside it but `when`"),
        ({"phases": {"name": "step"}}, ("phases",), "expected `of`, the path of a list, and the name of each item"),
        ({"phases": {"of": "s", "name": "step", "statuss": "rc"}}, ("phases", "statuss"), "did you mean status?"),
        ({"status": {"of": "a[0]", "Failed": "x"}}, ("status", "of"), "a[0] has brackets; write a.0"),
        ({"error": ["a", "b[0]"]}, ("error", 1), "b[0] has brackets; write b.0"),
        ({"run": "$received"}, ("run",), "there is no $received"),
        ({"error": "$bdy"}, ("error",), "there is no $bdy; did you mean $body?"),
        ({"status": {"of": "state"}}, ("status",), "expected rows: relay's word, and theirs"),
        ({"status": {"of": "state", "Failed": "*a*"}}, ("status", "Failed"), "*a* fits no word"),
        ({"status": {"of": "state", "Failed": "None"}}, ("status", "Failed"), "None fits no word"),
        ({"priority": {"of": "p", "Hihg": "x"}}, ("priority", "Hihg"), "unknown word; did you mean High?"),
        ({"phases": {"of": "s", "name": "n", "complete": "treu"}}, ("phases", "complete"), "expected true or false"),
        ({"phases": {"of": "s", "name": "n", "complete": "true"}}, ("phases", "complete"), "a `status` beside it"),
        ({"error": {"text": "x", "of": "y"}}, ("error",), "expected a path"),
        ({"labels": "branch"}, ("labels",), "expected at most 20 names, each with a path"),
    ],
)  # fmt: skip
def test_a_misspelt_format_is_told_with_its_place_and_a_hint(changes: Any, place: Any, expected: str) -> None:
    with pytest.raises(FormatError) as caught:
        compile_format([{"ignore": "first", "when": {"x": "present"}}, CASE | changes])

    assert caught.value.path == (1, *place)
    assert expected in str(caught.value)


def test_the_headers_that_a_format_reads_are_known_and_none_is_a_secret() -> None:
    case = CASE | {"job": '{$header."X-Job"} of {$header.X-Host}', "when": {"$header.X-Kind": "run"}}

    assert compile_format(case).headers == {"x-job", "x-host", "x-kind"}
    for hidden in ("$header.Authorization", "name | unless $header.Authorization"):
        with pytest.raises(FormatError, match="authorization is a secret"):
            compile_format(CASE | {"job": hidden})


@pytest.mark.parametrize("missing", ["run", "status"])
def test_a_case_needs_a_run_and_a_status(missing: str) -> None:
    with pytest.raises(FormatError, match="missing; a case needs it, or `ignore: why`"):
        compile_format({key: spec for key, spec in CASE.items() if key != missing})


@pytest.mark.parametrize(
    ("written", "number", "expected"),
    [
        ("https://ci.example.com/runs/{no}", "../../admin?x=1#y", "https://ci.example.com/runs/..%2F..%2Fadmin%3Fx%3D1%23y"),
        ("{url}/runs/{no}", "a/b", "https://ci.example.com/runs/a%2Fb"), ("{url}/runs/{no}", "..", None),
        (["nothing", "{url}/{no}"], "a b", "https://ci.example.com/a%20b"),
        ("{url}?to=https://b.example.com/{no}", "1", "https://ci.example.com?to=https://b.example.com/1"), ("url", "", "https://ci.example.com"),
    ],
)  # fmt: skip
def test_what_is_filled_into_a_link_leads_nowhere_else(written: Any, number: str, expected: str | None) -> None:
    form = compile_format(CASE | {"link": written, "error": {"text": "see https://b.example.com/"}})
    document = {"batch": {"no": 7}, "state": "OK", "url": "https://ci.example.com", "no": number}
    read = form.readings(document)[0].document or {}

    assert read["operation"].get("trackingUrl") == expected
    assert form.hosts == (("ci.example.com",) if str(written).startswith("https") else ())


@pytest.mark.parametrize(("state", "has"), [("run", set()), ("ok", {"endTime"}), ("bad", {"endTime", "message"})])
def test_a_phase_has_an_end_when_it_has_ended_and_an_error_when_it_failed(state: str, has: set[str]) -> None:
    phases = {"of": "steps", "name": "name", "ended": "t", "error": "log",
              "status": {"of": "state", "Running": "run", "Completed": "ok", "Failed": "bad"}}  # fmt: skip
    step = {"name": "load", "state": state, "t": 1764370800, "log": "all quiet"}
    read = compile_format(CASE | {"phases": phases}).readings({"batch": {"no": 7}, "state": "OK", "steps": [step]})

    assert (read[0].document or {})["operation"]["phases"][0].keys() - {"phaseName", "status"} == has
