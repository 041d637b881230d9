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
    ("before", "expected"),
    [
        ([], False),
        (["Failed"], True),
        (["Failed", "Completed"], False),
        (["Timeout", "Cancelled"], True),  # a cancel is neither
        (["Failed", "Failed"], True),
    ],
)
def test_the_second_in_a_row_calls(before: list[str], *, expected: bool) -> None:
    assert alerts(after(failed(), *before), 2, countable=True) == expected


def test_the_first_calls_where_nothing_is_written_and_each_where_nothing_is_known() -> None:
    assert alerts(failed(), 0, countable=True)
    assert alerts(failed(), 1, countable=True)
    assert alerts(failed(), 9, countable=False)


def test_the_end_after_failures_that_called_says_that_it_works_again() -> None:
    assert works_again(after(completed(), "Completed", "Failed", "Failed"), 2)
    assert not works_again(after(completed(), "Failed"), 2)
    assert not works_again(after(completed(), "Failed", "Completed"), 1)
    assert not works_again(after(completed(), "Failed"), 0)
    assert not works_again(after(failed(), "Failed"), 1)
