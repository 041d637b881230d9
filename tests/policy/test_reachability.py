"""The state of a channel, merged from what each partition recorded of it."""

from relay.policy.reachability import DOWN, Record, State, state_of

FAILING = Record(works=10.0, since=20.0, failed=40.0, cause="no connection")


def test_nothing_recorded_is_never_tried() -> None:
    assert state_of([]) == State("never_tried")
    assert state_of([Record(works=10.0)]) == State("works")


def test_a_failure_counts_until_a_newer_success_anywhere() -> None:
    assert state_of([FAILING]) == State("failing", 20.0, "no connection")
    assert state_of([FAILING, Record(works=41.0)]) == State("works")
    assert state_of([FAILING, Record(works=30.0)]).since == 30.0
    assert state_of([FAILING, Record(since=15.0, failed=50.0, cause="invalid_auth", refused=True)]) == State(
        "failing", 15.0, "invalid_auth", refused=True
    )


def test_a_clock_that_was_set_back_hides_no_failure() -> None:
    assert state_of([Record(works=90.0, since=20.0, failed=20.0)]).fails


def test_it_is_down_after_a_while_and_at_once_where_credentials_were_refused() -> None:
    state = state_of([FAILING])

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
