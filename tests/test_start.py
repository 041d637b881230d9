"""The figures of a start come from a relay that starts."""

import json
from pathlib import Path

import pytest

from benchmarks.start import main

pytestmark = pytest.mark.slow


def test_a_start_and_nothing_to_do_are_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--rounds", "1", "--idle", "0.1", "--processes", "2", "--json", str(tmp_path / "figures")])

    printed = capsys.readouterr().out.splitlines()
    (start,) = json.loads((tmp_path / "figures").read_text("utf-8"))
    assert printed[0].split()[:3] == ["checkout", "processes", "ready"]
    assert start["processes"] == 2
    assert 0 < start["cpu"] <= start["settled"]
    supervisor, *relays = start["rss"]
    assert len(relays) == 2
    assert supervisor < min(relays) / 2  # it has not imported what they have
