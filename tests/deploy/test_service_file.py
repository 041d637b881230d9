"""The units of deploy/: systemd finds them right, and finds little that could be taken away."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.commands import ROOT
from tests.support.patience import patience
from tests.support.programs import needs

pytestmark = pytest.mark.slow

UNIT = ROOT / "deploy/relay.service"
MOST = 15  # tenths of systemd's exposure, of which 100 is no sandbox at all; it is 12 with what systemd 257 looks at


def analyzed(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    analyze = needs("systemd-analyze", "systemd")
    return subprocess.run([analyze, *arguments], text=True, capture_output=True, timeout=patience(), check=False)


def test_systemd_finds_the_units_right(tmp_path: Path) -> None:
    text = UNIT.read_text("utf-8")
    program = Path(sys.executable).with_name("relay")
    assert text.count("ExecStart=/opt/relay/bin/relay serve ") == 1
    units = [tmp_path / name for name in (UNIT.name, "relay-backup.service", "relay-backup.timer")]
    for unit in units:
        text = UNIT.with_name(unit.name).read_text("utf-8")
        unit.write_text(text.replace("ExecStart=/opt/relay/bin/relay", f"ExecStart={program}"), "utf-8")  # one there is

    done = analyzed("verify", "--man=no", *units)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", ["relay.service", "relay-backup.service"])
def test_a_unit_leaves_relay_little_that_it_does_not_need(name: str) -> None:
    done = analyzed("security", "--offline=true", "--no-pager", f"--threshold={MOST}", UNIT.with_name(name))

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Overall exposure level" in done.stdout + done.stderr


def test_the_unit_stops_relay_as_it_wants_to_be_stopped() -> None:
    settings = dict(re.findall(r"^(\w+)=(.*)$", UNIT.read_text("utf-8"), re.M))

    assert (settings["KillMode"], settings["TimeoutStopSec"]) == ("mixed", "35s")  # as docs/deployment.md says
    assert settings["ExecReload"] == "/bin/kill -HUP $MAINPID"
    assert settings["Environment"] == f"RELAY_DATA_DIR=/var/lib/{settings['StateDirectory']}"


def test_what_is_older_than_two_weeks_goes_also_what_an_interrupted_backup_left(tmp_path: Path) -> None:
    text = UNIT.with_name("relay-backup.service").read_text("utf-8")
    [line] = re.findall(r"^ExecStartPost=(.*)$", text, re.M)
    names = ["relay-2026-01-20-110000.backup", "relay-2026-01-20-110000.backup.unfinished", "by-hand.backup"]
    for days in (13, 16):
        for name in names:
            file = tmp_path / f"{days}" / name
            file.parent.mkdir(exist_ok=True)
            file.touch()
            os.utime(file, times=(time.time() - days * 86400,) * 2)

    subprocess.run(line.replace("/var/lib/relay-backups", f"{tmp_path}").split(), check=True, timeout=patience())

    assert sorted(file.name for file in (tmp_path / "13").iterdir()) == sorted(names)
    assert [file.name for file in (tmp_path / "16").iterdir()] == ["by-hand.backup"]
