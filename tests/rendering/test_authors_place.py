"""What is wrong in an author's file is told with that file, that line and what was probably meant."""

from typing import Any

import pytest

from relay.errors import TemplateError
from relay.rendering import Renderer
from relay.rendering.faults import nearest
from tests.support.renderers import Build, progress, render

FILE = "slack/operation.progress.yaml"
MINE = "{% macro mine(name) %}\n  {{ parts.title('', '', name) }}\n  {% endmacro %}"
MEANT = "op.nmae is unknown; did you mean op.name?"


def fault(renderer: Renderer, **options: Any) -> str:
    """What is wrong with the one message, from its file's name on."""
    with pytest.raises(TemplateError) as raised:
        render(renderer, progress(), **options)
    return str(raised.value).partition("/slack/")[2]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("text: '{{ op.nmae }}'\n", 1),
        ("text: '{{ parts.push(op.status_label, op.nmae, say.progress()) }}'\n", 1),  # which prints it
        ("text: '{{ parts.lines(say.progress(), op.nmae) }}'\n", 1),
        ("text: '{{ op.nmae|cut(80) }}'\n", 1),
        ("text: |\n  {{ parts.lines(\n    say.progress(),\n    op.nmae,\n  ) }}\n", 4),
        ("text: |\n  {% set a = op.nmae %}\n\n  {{ parts.title('', '', a) }}\n", 2),
        (f"text: |\n  {MINE}\n\n  {{{{ mine(op.nmae) }}}}\n", 6),
        ("text: x\nrows: [{t: a}, {each: row in op.nmae, t: '{{ row }}'}]\n", 2),
        ("text: |\n  {% for row in op.nmae %}{% endfor %}\n", 2),
        ("text: |\n  x\n  {{ op.nmae ~ 'x' }}\n", 3),
    ],
)  # fmt: skip
def test_a_misspelt_field_is_told_where_it_was_written(own: Build, text: str, line: int) -> None:
    assert fault(own({FILE: text})) == f"operation.progress.yaml:{line}: {MEANT}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{ op.costs }}", "op.costs is unknown; did you mean op.cost?"),
        ("{{ op.room }}", 'op.room is not there; write {{ op.room|default(\'\') }} where it may be absent'),
        ("{{ opp.name }}", "opp is unknown; did you mean op?"),
        ("{{ links.operatoin }}", "links.operatoin is unknown; did you mean links.operation?"),
        ("{{ links.nowhere }}", "links.nowhere is unknown; `relay template vars` lists what there is"),
        ("{{ op.plan[0].nmae }}", "nmae is unknown; did you mean name?"),
        ("{{ stalled.nothing.deeper }}", "stalled.nothing is unknown; `relay template vars` lists what there is"),
    ],
)  # fmt: skip
def test_what_to_do_is_said(own: Build, text: str, said: str) -> None:
    assert fault(own({FILE: f"text: '{text}'\n"})) == f"operation.progress.yaml:1: {said}"


def test_a_field_that_is_asked_for_carefully_is_no_fault(own: Build) -> None:
    text = "{{ op.nmae|default('-') }}{% if op.nmae is defined %}x{% endif %}{% if not op.other|default %}y{% endif %}"

    assert render(own({FILE: f'text: "{text}"\n'}), progress())["text"] == "-y"


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [("nmae", "name"), ("anme", "name"), ("nam", "name"), ("statsu", "status"), ("region", ""), ("man", "")],
)
def test_the_nearest_name_is_found_where_hardly_another_can_be_meant(wrong: str, meant: str) -> None:
    assert nearest(wrong, ("name", "status", "type"), 0.8) == meant
