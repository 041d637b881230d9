"""Which connection is closed when there are too many, or no memory: decided without a socket. And rates of sources."""

import resource
from dataclasses import dataclass, field

import pytest

from relay.receiving.configured_source import RateLimiter
from relay.receiving.guard import Guard
from relay.receiving.server import possible_connections
from relay.receiving.sources import RateLimit


@dataclass(eq=False)
class Caller:
    answering: bool = False
    receiving: bool = True
    held: int = 0
    closed: list[str] = field(default_factory=list)

    def close_now(self, reason: str) -> None:
        self.closed.append(reason)

    def refuse_request(self) -> None:
        self.closed.append("memory")

    def close_if_late(self, now: float) -> None: ...

    def close_if_idle(self) -> None: ...


def entered(guard: Guard, count: int, **settings: bool) -> list[Caller]:
    callers = [Caller(**settings) for _ in range(count)]
    assert all(guard.enter(caller) for caller in callers)
    return callers


def test_of_too_many_connections_the_one_that_is_idle_longest_is_closed() -> None:
    guard = Guard(max_connections=4)
    [busy] = entered(guard, 1, answering=True)
    first, second, third = entered(guard, 3)
    guard.move_to_end(first)

    newcomers = entered(guard, 2)

    assert [caller.closed for caller in (busy, first, second, third)] == [[], [], ["idle"], ["idle"]]
    assert [*guard.connections] == [busy, first, *newcomers]


def test_while_all_are_busy_there_is_room_for_no_more() -> None:
    guard = Guard(max_connections=2)
    entered(guard, 2, answering=True)

    assert not guard.enter(Caller())


def test_the_largest_request_that_is_still_coming_makes_room_for_others() -> None:
    guard = Guard(memory=100)
    complete, largest, small, newest = entered(guard, 4)
    complete.receiving = False
    for caller, size in ((complete, 50), (largest, 40), (small, 5), (newest, 10)):
        guard.hold(caller, size)

    assert [caller.closed for caller in (complete, largest, small, newest)] == [[], ["memory"], [], []]
    assert guard.held == 65


def test_a_request_that_is_larger_than_what_is_left_is_refused_itself() -> None:
    guard = Guard(memory=100)
    complete, small, newest = entered(guard, 3)
    complete.receiving = False
    for caller, size in ((complete, 70), (small, 20), (newest, 30)):
        guard.hold(caller, size)

    assert [caller.closed for caller in (complete, small, newest)] == [[], [], ["memory"]]
    assert guard.held == 90


def test_idle_connections_do_not_make_room() -> None:
    guard = Guard(memory=100)
    idle, complete = entered(guard, 2)
    complete.receiving = False
    guard.hold(complete, 110)

    assert [caller.closed for caller in (idle, complete)] == [[], ["memory"]]


def test_a_connection_that_is_closed_holds_nothing() -> None:
    guard = Guard()
    callers = entered(guard, 2)
    for caller in callers:
        guard.begin()
        guard.hold(caller, 10)

    for caller in (*callers, callers[0], Caller()):
        guard.leave(caller)
    for caller in callers:
        guard.end(caller)  # their handlers went on

    assert (guard.connections, guard.answering, guard.held) == ({}, 0, 0)


@pytest.mark.parametrize(("soft", "hard", "possible"), [
    (1024, 4096, 800), (256, 4096, 800), (256, 512, 288), (64, 64, 16), (-1, -1, 800),
])  # fmt: skip
def test_fewer_connections_where_the_system_lets_open_fewer_files(
    soft: int, hard: int, possible: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = [soft, hard]
    monkeypatch.setattr(resource, "getrlimit", lambda _what: (limits[0], limits[1]))
    monkeypatch.setattr(resource, "setrlimit", lambda _what, both: limits.__setitem__(slice(2), both))

    assert possible_connections() == possible


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
