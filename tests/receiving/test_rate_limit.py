"""Buckets of tokens: each its own, and not more of them than are worth it."""

from relay.receiving.configured_source import RateLimiter
from relay.receiving.sources import RateLimit

LIMIT = RateLimit(count=2, period=10.0)


def test_each_has_a_burst_and_what_is_refilled() -> None:
    throttle = RateLimiter()

    assert [throttle.wait("a", LIMIT, 100.0) for _ in range(3)] == [0.0, 0.0, 5.0]
    assert throttle.wait("b", LIMIT, 100.0) == 0.0
    assert [throttle.wait("a", LIMIT, 105.0) for _ in range(2)] == [0.0, 5.0]


def test_buckets_that_are_full_again_are_forgotten_and_the_others_not() -> None:
    throttle = RateLimiter(max_buckets=3)
    for name in ("a", "b", "c"):
        throttle.wait(name, LIMIT, 100.0)
    throttle.wait("a", LIMIT, 104.0)  # two are gone now

    throttle.wait("d", LIMIT, 106.0)

    assert throttle._full_at.keys() == {"a", "d"}
    assert [throttle.wait("a", LIMIT, 106.0) for _ in range(2)] == [0.0, 4.0]


def test_there_are_never_more_than_so_many() -> None:
    throttle = RateLimiter(max_buckets=100)
    for number in range(1_000):
        assert throttle.wait(f"{number}", LIMIT, 100.0) == 0.0

    assert len(throttle._full_at) <= 100
