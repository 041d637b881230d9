"""Whatever stands in the file, it is accepted or refused, and nothing worse."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.errors import ConfigError
from tests.support.configuration import GOOD, configured

SCRAPS = [
    "\n", " ", "  ", ":", "-", "[", "]", "{", "}", '"', "'", "*", "&a ", "!!", "|", "?", "~", "${", "${X}", "\t", "#",
    "@", "ü", "\0", "\ud800", '"\\ud800"', "file:", "no", "1e999", "-1", "nan", "<<: ", "%YAML 1.1",
]  # fmt: skip


PLACES = [line for line in GOOD.splitlines() if ": " in line]
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


def flow(value: object) -> str:
    """The value in YAML's flow style, which has its own quoting for text."""
    if isinstance(value, list):
        return f"[{', '.join(map(flow, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{flow(key)}: {flow(inner)}" for key, inner in value.items()) + "}"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(PLACES), VALUES.map(flow) | st.sampled_from(SCRAPS))
@pytest.mark.slow
def test_any_value_anywhere_is_accepted_or_refused(place: str, written: str) -> None:
    key = place.partition(": ")[0]
    try:
        configured(GOOD.replace(place, f"{key}: {written}", 1))
    except ConfigError as error:
        assert str(error).encode()
