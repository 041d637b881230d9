"""Faults in an author's file, with its line and the name that was probably meant."""

import pytest

from relay.errors import TemplateError
from relay.rendering.faults import nearest
from tests.support.renderers import Build, progress, render

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
        ("text: '{{ opp.name }}'\n", 1, "opp is unknown; `relay template vars` lists what there is"),
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
