"""Whatever stands in the file, it is accepted or refused, and nothing worse."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.errors import ConfigError
from tests.support.configuration import GOOD, configured

# Whatever stands there


SCRAPS = [
    "\n", " ", "  ", ":", "-", "[", "]", "{", "}", '"', "'", "*", "&a ", "!!", "|", "?", "~", "${", "${X}", "\t", "#",
    "@", "ü", "\0", "\ud800", '"\\ud800"', "file:", "no", "1e999", "-1", "nan", "<<: ", "%YAML 1.1",
]  # fmt: skip


def loads_or_is_refused(text: str) -> None:
    try:
        configured(text)
    except ConfigError as error:
        assert str(error).encode()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.slow
def test_a_damaged_file_is_never_worse_than_refused(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(50):
        text = GOOD
        for _ in range(chance.randint(1, 3)):
            start = chance.randrange(len(text))
            text = text[:start] + chance.choice(SCRAPS) + text[start + chance.choice((0, 0, 1, 5, 40)) :]

        loads_or_is_refused(text)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["live", "team", "*"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
PLACES = [line for line in GOOD.splitlines() if ": " in line]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(PLACES), VALUES)
@pytest.mark.slow
def test_any_value_anywhere_is_accepted_or_refused(place: str, value: object) -> None:
    key = place.partition(": ")[0]

    loads_or_is_refused(GOOD.replace(place, f"{key}: {flow(value)}", 1))


def flow(value: object) -> str:
    """The value in YAML's flow style, which has its own quoting for text."""
    if isinstance(value, list):
        return f"[{', '.join(map(flow, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{flow(key)}: {flow(inner)}" for key, inner in value.items()) + "}"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)
