"""Fields that are declared by halves are refused when relay is imported, so no rule can ask for nothing."""

from dataclasses import dataclass
from typing import Annotated

import pytest

from relay.domain.fields import Declared, declared
from relay.policy.matching import CONDITIONS, Rule, refuse_undeclared


@dataclass
class Unread:
    continent: Annotated[str, Declared(condition="continents")] = ""


@dataclass
class Numbered:
    continent: Annotated[int, Declared("continent")] = 0


class WithContinents(Rule):
    continents: tuple[str, ...] = ()


@pytest.mark.parametrize("owner", [Unread, Numbered])
def test_a_field_that_nothing_reads_is_refused(owner: type) -> None:
    with pytest.raises(TypeError, match=rf"{owner.__name__}\.continent: expected Annotated\[str, Declared\(\"its key"):
        declared(owner, keyed=True)


def test_an_events_own_field_with_a_key_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Numbered\.continent: expected"):
        declared(Numbered)


def test_a_condition_without_a_field_is_refused() -> None:
    with pytest.raises(TypeError, match="continents: no field is declared"):
        refuse_undeclared(WithContinents, [*CONDITIONS])

    refuse_undeclared(WithContinents, [*CONDITIONS, "continents"])


@pytest.mark.parametrize("condition", ["notify", "priorities"])
def test_a_condition_that_means_something_else_is_refused(condition: str) -> None:
    with pytest.raises(TypeError, match=f"{condition}: a field is declared for a key"):
        refuse_undeclared(Rule, [*CONDITIONS, condition])
