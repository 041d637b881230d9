"""When a trouble has a notice: with all others that are new, once when it begins and once when it is over."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import pytest

from relay.policy.notices import (
    DEAD,
    REFUSED,
    STORE,
    UNKNOWN,
    Cause,
    Death,
    Notice,
    Observation,
    Troubles,
    causes_of_states,
    mark_sent,
    observe,
    plan_notice,
)
from relay.policy.reachability import State, States

NOW = 1_705_749_600.0
MINUTE, HOUR = 60.0, 3600.0
TEAM = "destination:team/#team"
STATES = {scope: State() for scope in ("channel:slack", "channel:email", TEAM)}
SLACK_WORKS: States = {"channel:slack": State("works")}
FULL = Cause(STORE, "memory", NOW, "84%")


def death(at: float, channel: str = "email", destination: str = "analysts", address: str = "a@example.com") -> Death:
    return Death(at, channel, destination, address, "operation.failed", "rejected")


def slack(since: float = NOW, scope: str = "channel:slack", *, now: float = NOW + HOUR, refused: bool = False) -> Any:
    """The cause of a Slack that has failed since then, None before it counts."""
    down = {scope: State("failing", since, "no connection", refused)}
    return next(causes_of_states(down, {"slack": 14}, {scope: ["team", "room"]}, now), None)


class Operators:
    """Observes once a minute what the test says is so, and queues each notice."""

    def __init__(self) -> None:
        self.troubles = Troubles()
        self.now = NOW
        self.notices: list[Notice] = []
        self.reachable = True

    def passes(self, minutes: float, *causes: Cause, states: States | None = None, **found: Any) -> None:
        observation = Observation(causes, states=STATES | (states or {}), **found)
        for _ in range(round(minutes)):
            self.now += MINUTE
            self.troubles = plan_notice(observe(self.troubles, observation, self.now), self.now, self._reachable)
            self.troubles = Troubles.load(self.troubles.dump())
            if notice := self.troubles.pending:
                self.notices.append(notice)
                self.troubles = mark_sent(self.troubles, notice.id)

    def _reachable(self, _avoids: Collection[str]) -> bool:
        return self.reachable

    @property
    def words(self) -> list[str]:
        """Of each notice, such as `trouble: channel slack, dead`."""
        return [
            f"{notice.name.partition('.')[2]}: "
            + ", ".join(f"{row['kind']} {row['name']}".strip() for row in notice.troubles)
            for notice in self.notices
        ]


@pytest.fixture
def relay() -> Operators:
    return Operators()


def test_a_channel_is_down_after_45_seconds_or_as_soon_as_its_credentials_are_refused() -> None:
    assert slack(now=NOW + 44) is None
    assert slack(now=NOW + 45).blocks == ("channel:slack",)
    assert slack(now=NOW + 1, refused=True).affected == ("team", "room")


def test_a_channel_is_over_once_something_got_through_and_not_while_its_state_is_unknown(relay: Operators) -> None:
    relay.passes(49 * 60, slack())
    relay.passes(20)  # the part of the store that knows is away
    assert relay.words == ["trouble: channel slack"]

    relay.passes(3, states=SLACK_WORKS)
    assert relay.words == ["trouble: channel slack", "resolved: channel slack"]


def test_what_begins_together_is_one_notice_the_gravest_first_with_how_many_go_on(relay: Operators) -> None:
    relay.passes(1, FULL)
    relay.passes(5, FULL, Cause(REFUSED, "a", NOW), slack(scope=TEAM))

    assert relay.words == ["trouble: store memory", "trouble: destination team/#team, refused a"]
    assert relay.notices[1].standing == 1


def test_what_comes_and_goes_has_a_notice_an_hour(relay: Operators) -> None:
    for _ in range(12):  # two hours
        relay.passes(5, FULL)
        relay.passes(5)

    assert relay.words == ["trouble: store memory", "resolved: store memory"] * 2


def test_the_end_says_when_and_what_was_lost(relay: Operators) -> None:
    relay.passes(30, slack(), deaths=(death(NOW + 20 * MINUTE, "slack", "team", "#team"),))
    relay.passes(6, states=SLACK_WORKS)

    [row] = relay.notices[1].troubles
    assert (row["since"], row["until"]) == ("2024-01-20T11:20:00+00:00", "2024-01-20T11:50:00+00:00")
    assert row["lost"] == 1
    assert relay.words[-1] == "resolved: channel slack"


def test_an_address_that_the_configuration_lost_is_no_all_clear(relay: Operators) -> None:
    relay.passes(2, slack(scope="destination:team/#gone"), slack(scope=TEAM))
    relay.passes(3, states={TEAM: State("works")})
    assert {row["name"]: row["gone"] for row in relay.notices[-1].troubles} == {"team/#gone": True, "team/#team": False}


def test_dead_letters_of_a_channel_that_is_down_are_no_trouble_of_their_own(relay: Operators) -> None:
    of_slack = death(NOW, "slack", "team", "#team")
    relay.passes(50, slack(), deaths=(of_slack,))
    relay.passes(2, states=SLACK_WORKS, deaths=(of_slack,))
    relay.passes(80, states=SLACK_WORKS, deaths=(of_slack, replace(of_slack, at=relay.now)))

    assert relay.words == ["trouble: channel slack", "resolved: channel slack"]


def test_a_dead_letter_waits_for_its_channel_to_be_a_trouble(relay: Operators) -> None:
    of_slack = death(NOW + 60, "slack", "team", "#team")
    relay.passes(2, deaths=(of_slack,))  # it began to fail with this one
    relay.passes(5, slack(NOW + 60), deaths=(of_slack,))

    assert relay.words == ["trouble: channel slack"]


def test_other_dead_letters_are_named_with_who_missed_them_and_over_after_an_hour(relay: Operators) -> None:
    relay.passes(120, deaths=(death(NOW + 30), death(NOW + 30, destination="leads")))

    assert relay.words == [f"trouble: {DEAD}", f"resolved: {DEAD}"]
    [row] = relay.notices[0].troubles
    assert (row["count"], row["affected"]) == (2, ["analysts", "leads"])
    assert relay.notices[1].at - NOW < 70 * MINUTE


def test_where_no_operator_can_be_reached_the_end_has_a_notice_all_the_same(relay: Operators) -> None:
    relay.reachable = False
    relay.passes(30, slack())
    assert [row.cause.name for row in relay.troubles.due(relay.now + 0.01)] == ["slack"]
    relay.reachable = True
    relay.passes(6, states=SLACK_WORKS)

    assert relay.words == ["resolved: channel slack"]


def test_a_notice_stays_until_it_is_queued_and_is_the_same_then() -> None:
    troubles = Troubles()
    for minute in range(5):
        observation = Observation((FULL, *([slack(NOW - HOUR)] if minute > 2 else [])), states=STATES)
        now = NOW + minute * MINUTE
        troubles = plan_notice(observe(troubles, observation, now), now, lambda _: True)

    assert troubles.pending is not None
    assert [row["name"] for row in troubles.pending.troubles] == ["memory"]
    assert mark_sent(troubles, "another").pending == troubles.pending
    assert mark_sent(troubles, troubles.pending.id).pending is None


def test_an_unknown_word_is_told_once_and_its_end_is_not() -> None:
    operators, word, other = Operators(), Cause(UNKNOWN, 'github: "melted"', NOW), Cause(UNKNOWN, "github: x", NOW)
    for _ in range(5):
        operators.passes(2, word)
        operators.passes(3 * 60)
    operators.passes(2, word, other)

    assert [row["name"] for notice in operators.notices for row in notice.troubles] == [word.name, other.name]
    operators.now += 31 * 24 * HOUR
    operators.passes(2, word)
    assert len(operators.notices) == 3
