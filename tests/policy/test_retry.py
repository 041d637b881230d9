"""The delay before the next attempt: the platform's own policy, never earlier than it says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.policy.retry import JITTER, RetryPolicy, delay


def none() -> float:
    return 0.0


def test_delays_grow_by_the_multiplier_up_to_the_longest() -> None:
    policy = RetryPolicy(max_retries=8)

    assert [delay(n, policy, none) for n in range(1, 9)] == [60, 120, 240, 480, 960, 1920, 3600, 3600]


def test_the_policy_ends() -> None:
    assert delay(6, RetryPolicy(), none) is None


def test_retry_after_overrides_a_shorter_delay() -> None:
    assert delay(1, RetryPolicy(), none, retry_after=600) == 600


@pytest.mark.parametrize(
    "field", [{"max_retries": -1}, {"retry_delay": 0}, {"backoff_multiplier": 0.5}, {"maxdelay": 1}]
)
def test_policies_that_make_no_sense_are_refused(field: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        RetryPolicy.model_validate(field)


@given(attempt=st.integers(1, 100), multiplier=st.floats(1, 100), jitter=st.floats(0, 0.999))
def test_no_policy_overflows_or_comes_early(attempt: int, multiplier: float, jitter: float) -> None:
    policy = RetryPolicy(max_retries=100, backoff_multiplier=multiplier)

    seconds = delay(attempt, policy, lambda: jitter)

    assert seconds is not None
    assert min(60 * multiplier ** min(attempt - 1, 5), 3600) <= seconds * (1 + 1e-9)
    assert seconds <= 3600 * (1 + JITTER)
