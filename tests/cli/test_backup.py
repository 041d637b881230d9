"""`relay backup` and the file that it writes: under its name only once it is whole."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from relay.cli import main
from relay.store.embedded.backup import FOLDER, MANIFEST

INCREMENT = "appendonly.aof.1.incr.aof"
CONFIG = """
sources: {async-operations: {signature: {secrets: {current: "a-secret-of-enough-length"}}}}
channels: {slack: {token: xoxb-of-the-test}}
destinations: {room: {slack: "#room", mode: each}}
rules: [{name: all, notify: [room]}]
"""
DATA = b"*1\r\n$4\r\nPING\r\n"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / FOLDER
    folder.mkdir(parents=True)
    (folder / MANIFEST).write_text(f"file {INCREMENT} seq 1 type i\n")
    (folder / INCREMENT).write_bytes(DATA)
    return tmp_path / "data"


def backed_up(data: Path, file: Path) -> Result:
    config = data.parent / "relay.yaml"
    config.write_text(CONFIG + f"data_dir: {data}\n")
    return CliRunner().invoke(main, ["backup", str(file), "--config", str(config)])


def test_it_is_for_its_owner_alone(data: Path, tmp_path: Path) -> None:
    result = backed_up(data, tmp_path / "relay.tgz")

    assert result.exit_code == 0, result.output
    assert (tmp_path / "relay.tgz").stat().st_mode & 0o777 == 0o600
    assert f"{len(DATA)} bytes of {data}, in 1 files" in result.output


def test_nothing_is_left_of_one_that_failed(data: Path, tmp_path: Path) -> None:
    (data / FOLDER / MANIFEST).unlink()

    result = backed_up(data, tmp_path / "relay.tgz")

    assert result.exit_code
    assert [file.name for file in tmp_path.iterdir() if "tgz" in file.name] == []
