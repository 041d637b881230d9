"""The command that prints what a message costs."""

import pytest

from benchmarks.micro.rendering import STEPS, main

pytestmark = pytest.mark.slow


def test_every_message_is_made_in_both_ways(capsys: pytest.CaptureFixture[str]) -> None:
    main(rounds=1, calls=1)

    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    assert [row[0].removeprefix("| ") for row in rows] == [step.name for step in STEPS]
    assert all(float(row[-1].rstrip(" |")) > 0 for row in rows)
