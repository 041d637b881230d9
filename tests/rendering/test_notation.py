"""The notation of message templates, and what stops a faulty file."""

from typing import Any

import pytest

from relay.errors import TemplateError
from relay.rendering.faults import nearest
from tests.support.renderers import Build, progress, render

NOTATION = {
    "an object with an empty field is left out, and an optional field alone": ("""
title: x
cards:
  - {label: lost, value: "{{ op.cost }}"}
  - {label: kept, value?: "{{ op.cost }}", on: true, share: 0.5, none: null}
  - nested: {deep: {deeper: "{{ op.cost }}"}}
empty?: [{label: "{{ op.cost }}"}]
""", {"title": "x", "cards": [{"label": "kept", "on": True, "share": 0.5, "none": None}]}),
    "each repeats an object": ("""
rows:
  - {name: first}
  - each: phase in op.phases[:2]
    name: "{{ phase.phaseName }}"
    long?: "{% if phase.duration == '7 minutes' %}no{% endif %}"
""", {"rows": [{"name": "first"}, {"name": "Data Loading & Validation", "long": "no"}, {"name": "Process Discovery"}]}),
    "the name of a repeated object is no more than its own": ("""
rows:
  - {each: "op in op.phases[:1]", name: "{{ op.phaseName }}"}
  - {each: "run in [op]", name: "{{ op.id|short_id }}"}
""", {"rows": [{"name": "Data Loading & Validation"}, {"name": "op-ff0e8400"}]}),
    "what an omitted object does not ask for may fail": ("""
rows:
  - {name: "{{ op.costCentre if op.costCentre is defined else '' }}", value: "{{ op.costCentre.code }}"}
  - {name: "{{ op.cost|default('') }}", files: [{each: "file in 1 // 0", name: "{{ file }}"}]}
  - {name: "{{ op.id|short_id }}"}
""", {"rows": [{"name": "op-ff0e8400"}]}),
    "texts know nothing of each other": (
        "a: '{% set x = 1 %}{{ x }}'\nb: '{{ x is defined }}'", {"a": "1", "b": "False"}),
    "data can not become structure": (
        'a: "{{ op.name }}"', {"a": 'x" b: injected - {"c": 1}'}),
}  # fmt: skip


@pytest.mark.parametrize(("template", "told"), NOTATION.values(), ids=NOTATION)
def test_a_message_is_written_as_data(alone: Build, template: str, told: dict[str, Any]) -> None:
    event = progress(operationName='x"\nb: injected\n- {"c": 1}')

    assert render(alone({"teams/generic.yaml": template}), event, "teams") == told


@pytest.mark.parametrize(
    ("files", "place"),
    [
        ({"slack/x.yaml": "text: ok\nblocks:\n  - text: '{{ op.name'"}, r"slack/x\.yaml:3: "),
        ({"slack/x.yaml": "text: |\n  one\n  {% if %}"}, r"slack/x\.yaml:3: "),
        ({"slack/x.yaml": "text: [\n"}, r"slack/x\.yaml:2: "),
        ({"slack/x.yaml": "text: a\ntext: b"}, r"slack/x\.yaml:2: text stands here twice"),
        ({"slack/x.yaml": "- text"}, r"slack/x\.yaml:1: expected the fields of a message"),
        ({"slack/x.yaml": "text: a\nrows:\n  - each: artifacts\n    a: b"}, r"slack/x\.yaml:3: expected `each: NAME"),
        ({"slack/x.yaml": "text: a\nblocks:\n  - each: a in b c\n    a: b"}, r"slack/x\.yaml:3: "),
        ({"slack/x.yaml": "text: '{{ op.name|center(99) }}'"}, r"slack/x\.yaml:1: No filter named 'center'"),
        ({"sentences.j2": "{% macro x() %}\n{% endif %}"}, r"sentences\.j2:2: "),
        ({"slack/parts.j2": "\n\n{{ 1 + }}"}, r"slack/parts\.j2:3: "),
        ({"email/layout.html": "<p>\n{{ oh no }}"}, r"email/layout\.html:2: "),
        ({"locales/de/messages.po": 'msgid "a"\nnonsense'}, r"locales/de/messages\.po:2: "),
        ({"locales/de/messages.po": 'msgid "a %(b)s"\nmsgstr "%(c)s"'}, r"locales/de/messages\.po:1: "),
        ({"locales/nolanguage/messages.po": ""}, r"locales/nolanguage/messages\.po: expected a folder named after"),
        ({"slack/x.yaml": "text: a\nlevel: 010"}, r"slack/x\.yaml:2: expected a number, found 010; quote it"),
        ({"slack/x.yaml": "text: a\nlevel: .inf"}, r"slack/x\.yaml:2: expected a number, found \.inf; quote it"),
        ({"slack/x.yaml": "text: a\nblocks: &a\n  - *a"}, r"slack/x\.yaml:2: anchors and aliases .* not supported"),
        ({"slack/x.yaml": "text: a\na: &a [x]\nb: [*a, *a]"}, r"slack/x\.yaml:2: anchors and aliases"),
        ({"slack/x.yaml": f"text: a\nblocks: {'[' * 800}"}, r"slack/x\.yaml:1: nested too deep"),
        ({"slack/x.yaml": f"text: '{{{{ {'(' * 5000}1{')' * 5000} }}}}'"}, r"slack/x\.yaml:1: nested too deep"),
        ({"slack/x.yaml": "text: '{% autoescape false %}{{ op.name }}{% endautoescape %}'"},
         r"slack/x\.yaml:1: autoescape cannot be changed"),
        ({"email/layout.html": "<p>\n{% autoescape 1 > 2 %}{{ op.name }}{% endautoescape %}"},
         r"email/layout\.html:2: autoescape cannot be changed"),
    ],
)  # fmt: skip
@pytest.mark.slow
def test_a_fault_stops_the_start_and_names_file_and_line(alone: Build, files: dict[str, str], place: str) -> None:
    with pytest.raises(TemplateError, match=place):
        alone(files)


@pytest.mark.parametrize(
    ("channel", "template"),
    [
        ("slack", "text: a\nblocks: [{type: section, text: x, fields: 5}]"),
        ("slack", "text: a\nblocks: 5"),
        ("email", "subject: a\nsections: [{title: x}]"),
        ("email", "subject: a\nsections: 5"),
    ],
)
def test_a_field_of_another_shape_is_told_with_its_file(own: Build, channel: str, template: str) -> None:
    renderer = own({f"{channel}/operation.progress.yaml": template})

    with pytest.raises(TemplateError, match=rf"{channel}/operation\.progress\.yaml: a field has another shape"):
        render(renderer, progress(), channel=channel)


@pytest.mark.parametrize(
    ("template", "place"),
    [
        ("text: a\nblocks:\n  - text: |\n      fine\n      {{ op.name + 1 }}", r"slack/operation\.progress\.yaml:5: "),
        (
            "text: a\nblocks:\n  - each: x in opp\n    a: b",
            r"slack/operation\.progress\.yaml:3: opp is unknown; ",
        ),
        ("text: '{{ op.cost }}'", r"slack/operation\.progress\.yaml: text is empty; write `text\?:`"),
        ("text: '{{ say.nothing_such() }}'", r"slack/operation\.progress\.yaml:1: "),
        ("text: '{{ \"\\x1e\" }}'", r"slack/operation\.progress\.yaml: a text holds "),
    ],
)
def test_a_fault_that_shows_late_names_file_and_line_too(alone: Build, template: str, place: str) -> None:
    renderer = alone({"slack/operation.progress.yaml": template})

    with pytest.raises(TemplateError, match=place):
        render(renderer, progress())


FILE = "slack/operation.progress.yaml"
MINE = "{% macro mine(name) %}\n  {{ parts.title('', '', name) }}\n  {% endmacro %}"
MEANT = "nmae is unknown; did you mean name?"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("text: '{{ op.nmae }}'\n", 1, MEANT),
        ("text: '{{ op.nmae|cut(80) }}'\n", 1, MEANT),
        (
            "text: |\n  {{ say.progress() }}\n  {{ parts.lines(say.progress(), op.nmae) }}\n",
            3,
            MEANT,
        ),  # which prints it
        (f"text: |\n  {MINE}\n\n  {{{{ mine(op.nmae) }}}}\n", 3, MEANT),
        ("text: x\nrows: [{t: a}, {each: row in op.nmae, t: '{{ row }}'}]\n", 2, MEANT),
        ("text: '{{ op.plan[0].nmae }}'\n", 1, MEANT),
        ("text: '{{ op.room }}'\n", 1, "room is not there; write |default('') behind it where it may be absent"),
        ("text: '{{ opp.name }}'\n", 1, "opp is unknown; `relay template preview` shows what there is"),
    ],
)
def test_a_misspelt_name_is_told_with_its_place(own: Build, text: str, line: int, said: str) -> None:
    with pytest.raises(TemplateError) as raised:
        render(own({FILE: text}), progress())

    place = f"operation.progress.yaml:{line}: {said}"
    assert str(raised.value).partition("/slack/")[2].partition(" (in ")[0] == place


def test_a_field_that_is_asked_for_carefully_is_no_fault(own: Build) -> None:
    text = "{{ op.nmae|default('-') }}{% if op.nmae is defined %}x{% endif %}{% if not op.other|default %}y{% endif %}"

    assert render(own({FILE: f'text: "{text}"\n'}), progress())["text"] == "-y"


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [("nmae", "name"), ("anme", "name"), ("nam", "name"), ("statsu", "status"), ("region", ""), ("man", "")],
)
def test_the_nearest_name_is_found_where_hardly_another_can_be_meant(wrong: str, meant: str) -> None:
    assert nearest(wrong, ("name", "status", "type"), 0.8) == meant
