"""Which run an event is of, where the platform counts some of them, relay others, and a retry has an id of its own."""

from datetime import UTC, datetime

from relay.domain.run_numbers import number_run
from tests.support import events

RESTARTED = {"runs": "1", "began": "1705749600000", "restarts": "1"}  # once, without being counted by the platform


def test_a_retry_under_a_new_id_does_not_count_the_restarts_of_its_original_twice() -> None:
    """Its number is one after the original's last, which includes them; so is that of all its events."""
    retry = events.progress(10, operationId="op-2", originalOperationId="op-1")

    assert number_run(retry, {**RESTARTED, "original": "op-1", "retry": "2"}) == (2, 0)


def test_the_original_itself_counts_them() -> None:
    assert number_run(events.progress(10, retryNumber=0), RESTARTED) == (1, 1)


def test_a_start_at_the_very_end_that_is_known_is_no_new_run() -> None:
    start = events.started(retryNumber=0, progress={"startTime": "2024-01-20T11:00:00Z"})
    ended = int(datetime(2024, 1, 20, 11, tzinfo=UTC).timestamp() * 1000)

    runs = [number_run(start, {"runs": "0", "ended": f"{moment}"}) for moment in (ended, ended - 1)]

    assert runs == [(0, 0), (1, 1)]
