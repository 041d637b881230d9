"""The table of all that can happen."""

from dataclasses import dataclass

import pytest

from relay.engine.draft import NO_RULES, Draft
from relay.engine.step import step
from tests.support.memory import Memory


@dataclass(frozen=True, slots=True)
class Unlisted:
    """An entry that nobody put into the table."""

    def decide(self, d: Draft) -> None:
        d.count("received")


def test_what_is_not_in_the_table_is_not_decided() -> None:
    """Another process could not read it from its inbox either: what was promised would be lost there."""
    with pytest.raises(TypeError, match="Unlisted is not in the table"):
        step(Memory(), Unlisted(), 0, NO_RULES)
