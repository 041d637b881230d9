"""`alert_after`: a job's failures in a row, and the success that ends them."""

from dataclasses import replace

import pytest

from relay.domain.events import Event, Outcome
from relay.policy.presentation import alerts, works_again
from tests.support.events import completed, failed


def after(event: Event, *statuses: str) -> Event:
    """The event of a run that others of its job came before, oldest first."""
    ends = [Outcome(run=f"run-{number}", ended=float(number), status=status) for number, status in enumerate(statuses)]
    return replace(event, past=tuple(ends))


@pytest.mark.parametrize(
    ("event", "before", "threshold", "calls", "mended"),
    [
        (failed(), [], 2, False, False),
        (failed(), ["Failed"], 2, True, False),
        (failed(), ["Failed", "Completed"], 2, False, False),
        (failed(), ["Timeout", "Cancelled"], 2, True, False),  # a cancel is neither
        (failed(), ["Failed", "Failed"], 2, True, False),
        (failed(), ["Failed"], 1, True, False),
        (completed(), ["Completed", "Failed", "Failed"], 2, None, True),
        (completed(), ["Failed"], 2, None, False),
        (completed(), ["Failed", "Completed"], 1, None, False),
        (completed(), ["Failed"], 0, None, False),
    ],
)
def test_so_many_failures_in_a_row_call_and_the_success_after_them_says_that_it_works_again(
    event: Event, before: list[str], threshold: int, calls: bool | None, mended: bool
) -> None:
    event = after(event, *before)

    assert calls is None or alerts(event, threshold, countable=True) == calls
    assert works_again(event, threshold) == mended


def test_the_first_calls_where_nothing_is_written_and_each_where_nothing_is_known() -> None:
    assert [alerts(failed(), threshold, countable=threshold < 2) for threshold in (0, 1, 9)] == [True] * 3
