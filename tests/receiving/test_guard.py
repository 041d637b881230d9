"""Who gets a place, who loses one, and how often somebody may come: decided without a socket."""

from dataclasses import dataclass

from structlog.testing import capture_logs

from relay.receiving.configured_source import RateLimiter
from relay.receiving.guard import FULL, KEPT, PEER, Guard, affordable
from relay.receiving.sources import RateLimit


@dataclass(eq=False)
class Caller:
    owner: str
    obstacle: str = ""
    evicted: bool = False

    def evict(self) -> None:
        self.evicted = True

    def give_up_if_late(self, now: float) -> None: ...

    def close_if_idle(self) -> None: ...


def callers(guard: Guard, *owners: str, busy: bool = False) -> list[Caller]:
    """So many that are in."""
    made = [Caller(owner) for owner in owners]
    assert [guard.enter(caller) for caller in made] == ["" for _ in made]
    for caller in made if busy else ():
        guard.begin(caller)
    return made


def test_when_all_places_are_taken_whoever_was_idle_longest_goes() -> None:
    guard = Guard(max_connections=4, reserve=0)
    [busy] = callers(guard, "a", busy=True)
    first, second, third = callers(guard, "b", "c", "d")
    guard.begin(first)
    guard.end(first)  # so the second is idle for longer now

    newcomers = callers(guard, "e", "f")

    assert [caller.evicted for caller in (busy, first, second, third)] == [False, False, True, True]
    assert guard.connections == {busy, first, *newcomers}


def test_from_half_of_the_places_on_nobody_has_more_than_a_share_and_its_own_idle_ones_go_first() -> None:
    guard = Guard(max_connections=8, share=2, reserve=0)
    greedy = callers(guard, *["greedy"] * 4)
    other = callers(guard, "other")
    for caller in greedy[1:]:
        guard.begin(caller)

    last = callers(guard, "greedy")

    assert [caller.evicted for caller in (*greedy, *other)] == [True, False, False, False, False]
    assert last[0].obstacle == ""
    guard.begin(last[0])
    [more] = callers(guard, "greedy")
    assert guard.begin(more) == PEER  # it may ask for a probe
    assert guard.begin(callers(guard, "somebody")[0]) == ""


def test_whoever_has_no_owner_has_no_share() -> None:
    guard = Guard(max_connections=4, share=1, reserve=0)

    assert [caller.obstacle for caller in callers(guard, *[""] * 4, busy=True)] == [""] * 4
    assert guard.enter(Caller("")) == FULL


def test_when_all_are_busy_a_few_more_may_ask_for_a_probe() -> None:
    guard = Guard(max_connections=2, share=9, reserve=1)
    callers(guard, "a", "b", busy=True)
    first, second = callers(guard, "c", "d")

    assert (first.evicted, guard.begin(second)) == (True, FULL)
    assert guard.enter(Caller("e")) == FULL


def test_whoever_leaves_is_forgotten() -> None:
    guard = Guard(max_connections=4, share=1)
    entered = callers(guard, "a", "b", "", busy=True)

    for caller in (*entered, entered[0], Caller("never here")):
        guard.leave(caller)
    for caller in entered:
        guard.end(caller)  # their handlers went on

    assert guard.quiet
    assert (guard.idle, guard._owned) == ({}, {})


def test_fewer_connections_where_the_system_lets_open_fewer_files() -> None:
    with capture_logs() as lines:
        assert affordable(800, allowed=1024) == 800
        assert affordable(5_000, allowed=-1) == 5_000
        assert lines == []
        assert affordable(800, allowed=512) == 512 - KEPT
        assert affordable(800, allowed=64) == 16

    assert [(line["event"], line["possible"]) for line in lines] == [
        ("connections.limited", 288),
        ("connections.limited", 16),
    ]
    assert "raise the limit of open files to 1024" in lines[0]["advice"]


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
