"""Who gets a place, and who loses one: decided without a socket."""

from dataclasses import dataclass, field
from math import inf

from structlog.testing import capture_logs

from relay.receiving.admission import FULL, PEER, Admission
from relay.receiving.open_files import KEPT, affordable


@dataclass(eq=False)
class Caller:
    owner: str
    idle_since: float = inf  # inf: it is busy
    answering: bool = False
    has_sent: bool = False  # what nobody has read yet
    evicted: list[str] = field(default_factory=list)  # for want of what

    def unheard(self) -> bool:
        return self.has_sent

    def evict(self, obstacle: str) -> None:
        self.evicted.append(obstacle)


def callers(admission: Admission, *idle_since: float, owner: str = "") -> list[Caller]:
    """So many that are in."""
    made = [Caller(owner or f"owner {number}", since) for number, since in enumerate(idle_since)]
    assert [admission.enter(caller) for caller in made] == ["" for _ in made]
    return made


def test_when_all_places_are_taken_whoever_was_idle_longest_goes() -> None:
    admission = Admission(most=4, share=10)
    busy, later, longest, latest = callers(admission, inf, 20.0, 10.0, 30.0)

    newcomers = callers(admission, inf, inf, owner="newcomer")

    assert (busy.evicted, longest.evicted, later.evicted, latest.evicted) == ([], [""], [""], [])
    assert {*admission.placed.members} == {busy, latest, *newcomers}


def test_whoever_has_become_busy_since_the_last_look_is_kept() -> None:
    admission = Admission(most=3, share=10)
    first, second, third = callers(admission, 1.0, 2.0, 3.0)
    callers(admission, inf, owner="a look at all of them")
    second.idle_since = inf

    callers(admission, inf, owner="another")

    assert (first.evicted, second.evicted, third.evicted) == ([""], [], [""])


def test_whoever_has_just_sent_something_is_kept() -> None:
    admission = Admission(most=2, share=10)
    sending, silent = callers(admission, 1.0, 2.0)
    sending.has_sent = True

    callers(admission, inf, owner="newcomer")

    assert (sending.evicted, silent.evicted) == ([], [""])


def test_from_half_of_the_places_on_nobody_has_more_than_a_share_and_the_own_idle_goes_first() -> None:
    admission = Admission(most=8, share=2, reserve=0)
    greedy = callers(admission, 5.0, inf, inf, inf, owner="greedy")
    others = callers(admission, 1.0, 2.0)

    admission.enter(Caller("greedy"))
    last = Caller("greedy")

    assert admission.enter(last) == PEER
    assert greedy[0].evicted == [""]
    assert [other.evicted for other in others] == [[], []]
    assert admission.enter(Caller("somebody")) == ""


def test_a_proxy_has_no_share_and_a_lone_address_may_have_half_of_all() -> None:
    admission = Admission(most=8, share=2, reserve=0)

    callers(admission, inf, inf, inf, inf, owner="alone")
    trusted = [Caller("") for _ in range(4)]

    assert [admission.enter(caller) for caller in trusted] == [""] * 4
    assert admission.enter(Caller("")) == FULL


def test_when_all_are_busy_the_newest_may_still_ask_for_a_probe() -> None:
    admission = Admission(most=2, share=2, reserve=2)
    callers(admission, inf, inf)
    late = callers(admission, inf, inf, inf, owner="late")

    assert [caller.evicted for caller in late] == [[FULL], [], []]
    assert [admission.promote(caller) for caller in late[1:]] == [False, False]

    for caller in late[1:]:
        caller.answering = True

    assert admission.enter(Caller("too late")) == FULL


def test_while_all_are_busy_nobody_is_looked_at_again_until_one_comes_to_rest() -> None:
    admission = Admission(most=2, share=2, reserve=9)
    busy, rested = callers(admission, inf, inf)
    late = callers(admission, inf)
    rested.idle_since = 1.0

    late += callers(admission, inf)
    admission.all_busy = False
    late += callers(admission, inf)

    assert [*admission.reserved] == late[:2]
    assert (busy.evicted, rested.evicted) == ([], [""])


def test_whoever_has_its_share_takes_the_reserve_from_nobody() -> None:
    admission = Admission(most=2, share=1, reserve=2)
    callers(admission, inf, owner="greedy")
    callers(admission, inf)
    greedy, other = (*callers(admission, inf, owner="greedy"), *callers(admission, inf, owner="other"))

    [third] = callers(admission, inf, owner="third")

    assert (greedy.evicted, other.evicted, third.evicted) == ([PEER], [], [])
    assert admission.enter(Caller("greedy")) == PEER
    assert {*admission.reserved} == {other, third}


def test_one_of_the_reserve_gets_the_place_that_has_become_free_before_it_asks() -> None:
    admission = Admission(most=1, share=1, reserve=1)
    [busy] = callers(admission, inf)
    [late] = callers(admission, inf, owner="late")

    admission.leave(busy)

    assert admission.promote(late)
    assert (admission.reserved, admission.placed.members) == ({}, {late})


def test_whoever_leaves_is_forgotten() -> None:
    admission = Admission(most=4, share=1, reserve=1)
    entered = callers(admission, inf, inf, inf, inf)
    [late] = callers(admission, inf, owner="late")

    for caller in (*entered, late, late, Caller("never here")):
        admission.leave(caller)

    assert (admission.placed.members, admission.reserved, admission._owners) == (set(), {}, {})


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
