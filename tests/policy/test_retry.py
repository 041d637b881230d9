"""When an attempt, a channel that fails and what may have arrived are tried again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.domain.deliveries import Trial
from relay.policy.retry import JITTER, RetryPolicy, delay, repeats_in, retry_in


def none() -> float:
    return 0.0


def test_delays_grow_by_the_multiplier_up_to_the_longest() -> None:
    policy = RetryPolicy(max_retries=8)

    assert [delay(n, policy, none) for n in range(1, 9)] == [60, 120, 240, 480, 960, 1920, 3600, 3600]


def test_the_policy_ends() -> None:
    assert delay(6, RetryPolicy(), none) is None


def test_retry_after_overrides_a_shorter_delay() -> None:
    assert delay(1, RetryPolicy(), none, retry_after=600) == 600


@given(attempt=st.integers(1, 100), multiplier=st.floats(1, 100), jitter=st.floats(0, 0.999))
def test_no_policy_overflows_or_comes_early(attempt: int, multiplier: float, jitter: float) -> None:
    policy = RetryPolicy(max_retries=100, backoff_multiplier=multiplier)

    seconds = delay(attempt, policy, lambda: jitter)

    assert seconds is not None
    assert min(60 * multiplier ** min(attempt - 1, 5), 3600) <= seconds * (1 + 1e-9)
    assert seconds <= 3600 * (1 + JITTER)


SENT = 1_705_749_600.0


@pytest.mark.parametrize(
    ("trial", "seconds"),
    [
        (Trial(), [2, 4, 8, 16, 32, 60, 60]),
        (Trial(probe=0), [2, 2, 2, 2, 2, 2, 2]),  # the channel's own count decides
    ],
)
def test_a_channel_that_fails_is_tried_again_after_two_seconds_to_a_minute(trial: Trial, seconds: list[float]) -> None:
    assert [retry_in(Trial(faults=faults, probe=trial.probe)) for faults in range(7)] == seconds
    assert [retry_in(Trial(probe=probes)) for probes in (0, 1, 5, 4320)] == [2, 4, 60, 60]
    assert retry_in(trial, 90) == 90


@pytest.mark.parametrize(
    ("since", "last", "now", "seconds"),
    [
        (0, 0, 2, 0),
        (0, 0, 1, 1),
        (0, 140, 200, 0),  # a minute apart, as long as it lasts minutes
        (0, 2000, 2060, 455),  # a quarter of the time that has passed
        (0, 80_000, 80_060, 840),  # a quarter of an hour apart, and never longer
        (0, 80_000, 80_900, 0),
    ],
)
def test_what_may_have_arrived_is_sent_again_less_often_the_longer_that_lasts(
    since: float, last: float, now: float, seconds: float
) -> None:
    assert repeats_in(Trial(doubted=SENT + since, repeated=SENT + last), SENT + now) == pytest.approx(seconds)


def test_what_cannot_have_arrived_is_sent_again_at_once() -> None:
    assert repeats_in(Trial(), SENT) == 0


def test_a_channel_that_was_deaf_and_answers_or_let_others_through_has_recovered() -> None:
    assert repeats_in(Trial(doubted=SENT, repeated=SENT + 2000, deaf=SENT + 2001), SENT + 2061) == 0
    assert repeats_in(Trial(doubted=SENT, repeated=SENT + 2000, works=SENT + 2001), SENT + 2061) == 0
