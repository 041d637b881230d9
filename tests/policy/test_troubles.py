"""When a trouble is told: at once with all others, once, again after a day, and when it is over."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import pytest

from relay.domain.events import RESOLVED, TROUBLE
from relay.domain.parsing import dump, load
from relay.policy.causes import DEAD, REFUSED, STORE, TEMPLATE, Cause, Sight, of_states
from relay.policy.reachability import State, States
from relay.policy.troubles import Notice, Troubles, event_of, looked, noticed, queued

NOW = 1_705_749_600.0
MINUTE, HOUR = 60.0, 3600.0
TEAM = "destination:team/#team"
STATES = {scope: State() for scope in ("channel:slack", "channel:email", TEAM)}


@dataclass(frozen=True)
class Death:
    at: float
    channel: str = "email"
    destination: str = "analysts"
    address: str = "analyst@example.com"
    event: str = "operation.failed"
    reason: str = "rejected"


def slack(since: float = NOW, scope: str = "channel:slack", *, now: float = NOW + HOUR, refused: bool = False) -> Cause:
    down = {scope: State("failing", since, "no connection", refused)}
    [cause] = of_states(down, {"slack": 14}, {scope: ["team", "room"]}, now)
    return cause


SLACK_WORKS: States = {"channel:slack": State("works")}


FULL = Cause(STORE, "memory", NOW, "84%")


class Told:
    """Looks once a minute, at what the test says is so, and queues what is told."""

    def __init__(self) -> None:
        self.troubles = Troubles()
        self.now = NOW
        self.notices: list[Notice] = []
        self.reachable = True

    def passes(self, minutes: float, *causes: Cause, states: States | None = None, **found: Any) -> None:
        sight = Sight(causes, states=STATES | (states or {}), **found)
        for _ in range(round(minutes)):
            self.now += MINUTE
            self.troubles = noticed(looked(self.troubles, sight, self.now), self.now, self._reachable)
            self.troubles = Troubles.load(self.troubles.dump())
            if notice := self.troubles.pending:
                self.notices.append(notice)
                self.troubles = queued(self.troubles, notice.id)

    def _reachable(self, _avoids: Collection[str]) -> bool:
        return self.reachable

    @property
    def words(self) -> list[tuple[str, list[str]]]:
        return [
            (notice.name.partition(".")[2], [f"{row['kind']} {row['name']}".strip() for row in notice.troubles])
            for notice in self.notices
        ]


@pytest.fixture
def relay() -> Told:
    return Told()


def test_nothing_wrong_is_nothing_told(relay: Told) -> None:
    relay.passes(60)

    assert relay.notices == []
    assert relay.troubles == Troubles()


def test_a_channel_is_told_within_a_minute_and_over_when_something_got_through(relay: Told) -> None:
    relay.passes(1, slack(now=NOW + 40))
    soon = relay.words
    relay.passes(60, slack())
    relay.passes(20)  # the part of the store that knows is away
    unproved = relay.words
    relay.passes(3, states=SLACK_WORKS)

    assert soon == []
    assert unproved == [("trouble", ["channel slack"])]
    assert relay.words == [("trouble", ["channel slack"]), ("resolved", ["channel slack"])]


def test_refused_credentials_are_told_at_the_next_look_also_soon_after_another_notice(relay: Told) -> None:
    relay.passes(1, FULL)
    relay.passes(1, FULL, slack(now=NOW + 1, refused=True))

    assert relay.words == [("trouble", ["store memory"]), ("trouble", ["channel slack"])]


def test_a_channel_that_the_configuration_has_no_more_is_over(relay: Told) -> None:
    relay.passes(10, slack(scope="channel:chat"))
    relay.passes(10)

    assert relay.words == [("trouble", ["channel chat"]), ("resolved", ["channel chat"])]


def test_what_is_found_at_one_look_is_one_message_and_what_comes_soon_after_is_the_next(relay: Told) -> None:
    relay.passes(1, FULL, Cause(TEMPLATE, "slack/x.yaml", NOW, "line 3"))
    relay.passes(30, FULL, Cause(TEMPLATE, "slack/x.yaml", NOW), Cause(REFUSED, "a", NOW), slack(scope=TEAM))

    assert relay.words == [
        ("trouble", ["template slack/x.yaml", "store memory"]),
        ("trouble", ["destination team/#team", "refused a"]),
    ]
    assert relay.notices[1].at - relay.notices[0].at >= 10 * MINUTE
    assert relay.notices[1].standing == 2


def test_while_it_lasts_it_is_told_again_after_a_day(relay: Told) -> None:
    relay.passes(49 * 60, FULL)

    assert [round((notice.at - NOW) / HOUR) for notice in relay.notices] == [0, 24, 48]


def test_what_comes_and_goes_is_told_anew_once_an_hour(relay: Told) -> None:
    for _ in range(12):  # two hours
        relay.passes(5, FULL)
        relay.passes(5)

    assert relay.words == [("trouble", ["store memory"]), ("resolved", ["store memory"])] * 2


def test_the_end_is_told_with_the_time_and_what_was_lost(relay: Told) -> None:
    relay.passes(30, slack(), deaths=(Death(NOW + 20 * MINUTE, "slack", "team", "#team", reason="retries_exhausted"),))
    relay.passes(6, states=SLACK_WORKS)

    [row] = relay.notices[1].troubles
    assert (row["since"], row["until"]) == ("2024-01-20T11:20:00+00:00", "2024-01-20T11:50:00+00:00")
    assert row["lost"] == 1
    assert relay.words[-1] == ("resolved", ["channel slack"])


def test_dead_letters_of_a_channel_that_is_down_are_no_trouble_of_their_own(relay: Told) -> None:
    of_slack = Death(NOW, "slack", "team", "#team", reason="retries_exhausted")
    relay.passes(60, slack(), deaths=(of_slack,))
    relay.passes(2, states=SLACK_WORKS, deaths=(of_slack,))
    relay.passes(30, states=SLACK_WORKS, deaths=(of_slack, replace(of_slack, at=relay.now)))

    assert [name for name, _ in relay.words] == ["trouble", "resolved"]


def test_dead_letters_are_told_with_who_was_not_and_over_after_an_hour(relay: Told) -> None:
    died = NOW + 30
    relay.passes(120, deaths=(Death(died), Death(died, destination="leads"), Death(died, event=TROUBLE)))

    assert relay.words == [("trouble", [DEAD]), ("resolved", [DEAD])]
    [row] = relay.notices[0].troubles
    assert (row["count"], row["affected"]) == (2, ["analysts", "leads"])
    assert relay.notices[0].avoids == (
        "destination:analysts/analyst@example.com",
        "destination:leads/analyst@example.com",
    )


def test_what_nobody_can_be_told_is_told_when_it_is_over(relay: Told) -> None:
    relay.reachable = False
    relay.passes(30, slack())
    relay.reachable = True
    relay.passes(6, states=SLACK_WORKS)

    assert relay.words == [("resolved", ["channel slack"])]


def test_what_nobody_could_be_told_is_told_as_soon_as_somebody_can(relay: Told) -> None:
    relay.reachable = False
    relay.passes(5, FULL)
    relay.reachable = True
    relay.passes(5, FULL)

    assert relay.words == [("trouble", ["store memory"])]


def test_a_notice_stays_until_it_is_queued_and_is_the_same_then() -> None:
    troubles = Troubles()
    for minute in range(5):
        sight = Sight((FULL, *([slack(NOW - HOUR)] if minute > 2 else [])), states=STATES)
        now = NOW + minute * MINUTE
        troubles = noticed(looked(troubles, sight, now), now, lambda _: True)

    assert troubles.pending is not None
    assert [row["name"] for row in troubles.pending.troubles] == ["memory"]
    assert queued(troubles, "another").pending == troubles.pending
    assert queued(troubles, troubles.pending.id).pending is None


def test_a_notice_that_cannot_be_queued_for_a_day_holds_up_no_newer_one() -> None:
    troubles = noticed(looked(Troubles(), Sight((FULL,)), NOW), NOW, lambda _: True)
    later = NOW + 25 * HOUR
    again = noticed(looked(troubles, Sight((FULL,)), later), later, lambda _: True)

    assert troubles.pending is not None
    assert again.pending is not None
    assert again.pending.at == later


def test_a_notice_is_an_event_that_survives_the_store() -> None:
    notice = Notice(RESOLVED, "relay-resolved-1-2", NOW, ({"kind": "store", "name": "memory"},), standing=3)
    event = event_of(notice)
    again = load(dump(event))

    assert (event.name, event.source, event.subject, event.status) == (RESOLVED, "relay", "relay-resolved-1-2", "")
    assert again.document == event.document
    assert (again.name, again.id, again.occurred_at) == (event.name, event.id, event.occurred_at)


def test_however_much_is_wrong_what_is_remembered_is_bounded(relay: Told) -> None:
    for hour in range(5):
        relay.passes(2, *(Cause(REFUSED, f"source-{hour}-{n}", NOW, "unsigned" * 100) for n in range(200)))

    assert len(relay.troubles.rows) == 50
    assert len(relay.notices) <= 2


def test_what_another_release_wrote_is_refused() -> None:
    with pytest.raises(ValueError, match="rows"):
        Troubles.load('{"rows": 7}')
