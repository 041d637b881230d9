"""What templates cannot do."""

import pytest

from relay.errors import TemplateError
from tests.support.renderers import Build, only, progress, render, text_of

# The sandbox


@pytest.mark.parametrize(
    "attack",
    [
        "{{ 'a' * 100000000 }}",
        "{{ [1] * 100000000 }}",
        "{{ 9 ** 99999999 }}",
        "{{ '%999999999d' % 1 }}",
        "{{ '{:999999999d}'.format(1) }}",
        "{{ 'x'.center(999999999) }}",
        "{{ op.name.replace('a', 'b') }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ op.__class__ }}",
        "{{ op['__class__'].mro() }}",
        "{{ say.progress.__globals__ }}",
        "{{ formats.__class__ }}",
        "{{ formats.now.strftime('%999999999d') }}",
        "{{ 1 .to_bytes(999999999, 'big') }}",
        "{{ op.update({}) }}",
        "{{ range(10000000)|list }}",
        "{% for i in range(99999) %}{{ op.name }}{% endfor %}",
        "{{ namespace(x=1) }}",
        "{{ lipsum() }}",
        "{{ self.__init__ }}",
        "{% include '../../etc/passwd' %}",
        "{% include '/etc/passwd' %}",
    ],
)
def test_the_sandbox_refuses(alone: Build, attack: str) -> None:
    renderer = alone(only(attack) | {"sentences.j2": "{% macro progress() %}{% endmacro %}"})

    with pytest.raises(TemplateError, match=r"slack/operation\.progress\.yaml"):
        render(renderer, progress())


@pytest.mark.parametrize(
    "name",
    ["attr", "center", "filesizeformat", "forceescape", "format", "indent", "pprint", "random", "safe", "tojson",
     "truncate", "urlize", "wordwrap", "xmlattr"],
)  # fmt: skip
def test_filters_that_are_not_needed_are_not_there(alone: Build, name: str) -> None:
    with pytest.raises(TemplateError, match=f"No filter named '{name}'"):
        alone(only(f"{{{{ op.name|{name} }}}}"))


def test_arithmetic_with_numbers_works(alone: Build) -> None:
    renderer = alone(only("{{ 6 * 7 }} {{ 7 % 4 }} {{ op.name[:4]|upper ~ '!' }}"))

    assert text_of(renderer, progress()) == "42 3 COMP!"
