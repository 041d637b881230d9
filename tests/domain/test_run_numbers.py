"""Which run an event is of, where the platform counts some of them, relay others, and a retry has an id of its own."""

from relay.domain.run_numbers import number_run
from tests.support import events

RESTARTED = {"runs": "1", "began": "1705749600000", "restarts": "1"}  # once, without being counted by the platform


def test_a_retry_under_a_new_id_does_not_count_the_restarts_of_its_original_twice() -> None:
    """Its number is one after the original's last, which includes them; so is that of all its events."""
    retry = events.progress(10, operationId="op-2", originalOperationId="op-1")

    assert number_run(retry, {**RESTARTED, "original": "op-1", "retry": "2"}) == (2, 0)


def test_the_original_itself_counts_them() -> None:
    assert number_run(events.progress(10, retryNumber=0), RESTARTED) == (1, 1)
