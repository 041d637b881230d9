"""Tests of what commands print as JSON steers no terminal and leads no eye astray, and loses nothing."""

import json
from pathlib import Path

import click
import pytest

from relay.cli.client import shown
from relay.cli.connection import data_dir
from relay.cli.options import print_json
from relay.operating.relay_sock import ZONE


def test_times_are_by_the_clocks_of_the_relay_that_answered() -> None:
    with click.Context(click.Command("x"), obj=None) as ctx:
        ctx.meta[ZONE] = "Asia/Tokyo"

        assert shown("it waits until 2026-07-01 18:30:00 UTC\x1b") == "it waits until 2026-07-02 03:30:00 JST\ufffd"
        no_time = "Load of 2024-02-30 10:00 UTC and 9999-12-31 23:00 UTC"  # a stranger's name of a run
        assert shown(no_time) == no_time


@pytest.mark.parametrize("text", ['{"data_dir": "/srv/relay", "sources": {}}', "data_dir: /srv/relay  # here\n"])
def test_the_directory_is_read_off_a_configuration_in_json_or_yaml(text: str, tmp_path: Path) -> None:
    file = tmp_path / "relay.conf"
    file.write_text(text, "utf-8")

    assert data_dir(file, {}) == Path("/srv/relay")
    assert data_dir(file, {"RELAY_DATA_DIR": "/elsewhere"}) == Path("/elsewhere")


def test_every_letter_that_cannot_be_seen_is_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    letters = [letter for letter in map(chr, range(0x11_0000)) if letter != "\n" and not letter.isprintable()]
    value = {"".join(reversed(letters)): "ä\n🔬"}  # so that no two halves of pairs meet

    print_json(value)

    printed = capsys.readouterr().out
    assert not {*printed} & {*letters}
    assert "ä\\n🔬" in printed
    assert json.loads(printed) == value
