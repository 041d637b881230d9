"""Tests of output on a terminal: colours where they are wanted, and not one escape code where they are not."""

import pytest

from tests.support.commands import ROOT, relay, relay_on_terminal
from tests.support.inprocess import NEEDED, SHIPPED

pytestmark = pytest.mark.slow

EVENT = ROOT / "tests/data/event.json"
ALONE = [
    ("--help",),
    ("check", "-c", SHIPPED),
    ("explain", EVENT, "-c", SHIPPED),
    ("template", "vars"),
    ("dead", "replay", "-c", SHIPPED),  # wrong use
]


@pytest.mark.parametrize("off", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
@pytest.mark.parametrize("command", ALONE, ids=lambda command: command[0])
async def test_without_colours_there_is_no_escape_code(command: tuple[str, ...], off: dict[str, str]) -> None:
    done = await relay_on_terminal(*command, env={**NEEDED, **off})

    assert done.out.strip()
    assert "\x1b" not in done.out


async def test_with_colours_it_is_coloured_and_in_a_pipe_it_is_not() -> None:
    on_terminal = await relay_on_terminal("check", "-c", SHIPPED, env=NEEDED)
    piped = await relay("check", "-c", SHIPPED, env={**NEEDED, "NO_COLOR": "", "FORCE_COLOR": ""})

    assert "\x1b[" in on_terminal.out
    assert "\x1b" not in piped.out
