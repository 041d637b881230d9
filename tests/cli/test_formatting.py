"""What commands print as JSON steers no terminal and leads no eye astray, and loses nothing."""

import json

import pytest

from relay.cli.options import print_json


def test_every_letter_that_cannot_be_seen_is_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    letters = [letter for letter in map(chr, range(0x11_0000)) if letter != "\n" and not letter.isprintable()]
    value = {"".join(reversed(letters)): "ä\n🔬"}  # so that no two halves of pairs meet

    print_json(value)

    printed = capsys.readouterr().out
    assert not {*printed} & {*letters}
    assert "ä\\n🔬" in printed
    assert json.loads(printed) == value
