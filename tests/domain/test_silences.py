"""What a silence says, when it holds, and which may be made."""

from dataclasses import replace
from typing import Any

import pytest

from relay.domain.silences import DAY, LONGEST_REASON, MOST_WORDS, dump, faults, load, strongest
from tests.support.silences import HOUR, silence

NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"destinations": ()}, "expected something that it is for, or that it is for everything"),
        ({"reason": "x" * (LONGEST_REASON + 1)}, "its reason has 501 characters; expected at most 500"),
        ({"author": ""}, "its author has 0 characters"),
        ({"then": "later"}, "then: later; expected summary or nothing"),
        ({"until": NOW}, "its end is over"),
        ({"starts": NOW + 2 * HOUR}, "it ends before it begins"),
        ({"until": NOW + 30 * DAY + 1}, "it lasts longer than 30 days"),
        ({"starts": NOW + 31 * DAY, "until": NOW + 32 * DAY}, "it begins in more than 30 days"),
        ({"jobs": ("",)}, "jobs: expected values of 1 to 200 characters"),
        ({"jobs": ("x",) * (MOST_WORDS + 1)}, "jobs: 51 values; expected at most 50"),
    ],
)
def test_what_may_not_be_is_said(changes: dict[str, Any], says: str) -> None:
    [found] = faults(silence(NOW, **changes), NOW)

    assert says in found


def test_one_for_everything_names_nothing() -> None:
    assert faults(silence(NOW, destinations=()), NOW, everything=True) == []
    assert "expected one of the two" in faults(silence(NOW), NOW, everything=True)[0]


@pytest.mark.parametrize(
    ("at", "state", "holds"), [(-1, "pending", False), (0, "active", True), (HOUR, "expired", False)]
)
def test_it_holds_from_its_beginning_until_its_end(at: float, state: str, *, holds: bool) -> None:
    its = silence(NOW)

    assert (its.state(NOW + at), its.holds(NOW + at)) == (state, holds)


def test_one_that_was_ended_is_over() -> None:
    its = silence(NOW, ended=NOW + 60)

    assert (its.ends, its.state(NOW + 60), its.hold.end) == (NOW + 60, "expired", NOW + HOUR)


def test_what_is_kept_is_the_same_when_it_is_read() -> None:
    its = silence(NOW, jobs=("Größe *",), then="nothing")

    assert load("s-1", dump(its), its.until) == its
    assert load("s-1", dump(its), NOW + 60) == replace(its, ended=NOW + 60)


def test_of_several_one_that_promises_to_tell_decides_and_of_these_the_last() -> None:
    short, long = silence(NOW), silence(NOW, id="s-2", until=NOW + 2 * HOUR)
    never = silence(NOW, id="s-3", until=NOW + 3 * HOUR, then="nothing")

    assert strongest([never, long, short]) == long
    assert strongest([never]) == never
    assert strongest([]) is None
