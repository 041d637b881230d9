"""Reading documents of others: a number is one that can be calculated with, and nothing raises."""

import pytest

from relay.domain.documents import finite


@pytest.mark.parametrize("value", [0, 67, 12.5, -3, 10**300])
def test_a_number_is_itself(value: float) -> None:
    assert finite(value) == value


@pytest.mark.parametrize("value", [True, None, "1", [], float("nan"), float("inf"), -float("inf"), 10**400, -(10**400)])
def test_what_nobody_can_calculate_with_is_none(value: object) -> None:
    assert finite(value) is None
