"""The commands that print what a message costs, and an event on its way in."""

import pytest

from benchmarks.micro import receiving
from benchmarks.micro.rendering import STEPS, main

pytestmark = pytest.mark.slow


def test_every_message_is_made_in_both_ways(capsys: pytest.CaptureFixture[str]) -> None:
    main(rounds=1, calls=1)

    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    assert [row[0].removeprefix("| ") for row in rows] == [step.name for step in STEPS]
    assert all(float(row[-1].rstrip(" |")) > 0 for row in rows)


def test_every_step_of_an_event_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    receiving.main(rounds=1, calls=1)

    rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    assert [row[0] for row in rows] == [*receiving.steps()]
    assert all(float(row[1]) > 0 for row in rows)
