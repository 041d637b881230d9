"""The state of a channel, by what delivering recorded of it."""

from relay.engine.health import Health
from relay.policy.reachability import DOWN, State
from relay.store.queries.reachability import state_of

FAILING = Health("channel:slack", works=10_000, since=20_000, failed=40_000, cause="no connection")


def test_what_is_recorded_says_whether_it_works() -> None:
    assert state_of(None) == State("never_tried")
    assert state_of(Health("channel:slack", works=10_000)) == State("works")
    assert state_of(FAILING) == State("failing", 20.0, "no connection")


def test_it_is_down_after_a_while_and_at_once_where_credentials_were_refused() -> None:
    state = state_of(FAILING)

    assert [state.is_down(20.0 + seconds) for seconds in (0, DOWN)] == [False, True]
    assert State("failing", 20.0, refused=True).is_down(20.0)
    assert not State("works", 20.0).is_down(1000.0)


def test_each_state_is_a_sentence() -> None:
    day = 1_705_749_600.0
    assert [state.sentence for state in (
        State(), State("works"), State("failing", day, "no connection", parked=1),
        State("paused", day, "upgrade", by="ana", until=day + 60, parked=2), State("paused", day, "upgrade", by="ana"),
    )] == [
        "not tried yet", "works", "failing since 2024-01-20 11:20 UTC: no connection (1 waits)",
        "paused by ana until 2024-01-20 11:21:00 UTC: upgrade (2 wait)", "paused by ana: upgrade",
    ]  # fmt: skip
