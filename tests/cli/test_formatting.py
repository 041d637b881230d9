"""Output of commands: it steers no terminal, loses nothing, is coloured where that is wanted; and imports stay lean."""

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest

from relay.cli.client import shown
from relay.cli.connection import data_dir
from relay.cli.options import print_json
from relay.operating.relay_sock import ZONE
from tests.support.commands import ROOT, relay, relay_on_terminal
from tests.support.inprocess import NEEDED, SHIPPED
from tests.support.patience import patience

EVENT = ROOT / "tests/data/event.json"
EXPLAIN = ("explain", EVENT, "-c", SHIPPED)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "off"),
    [
        (("--help",), {"NO_COLOR": "1"}),
        (EXPLAIN, {"NO_COLOR": "1"}),
        (EXPLAIN, {"TERM": "dumb"}),
        (("dead", "replay", "-c", SHIPPED), {"TERM": "dumb"}),  # wrong use
    ],
)
async def test_without_colours_there_is_no_escape_code(command: tuple[str, ...], off: dict[str, str]) -> None:
    done = await relay_on_terminal(*command, env={**NEEDED, **off})

    assert done.out.strip()
    assert "\x1b" not in done.out


@pytest.mark.slow
async def test_with_colours_it_is_coloured_and_in_a_pipe_it_is_not() -> None:
    on_terminal = await relay_on_terminal(*EXPLAIN, env=NEEDED)
    piped = await relay(*EXPLAIN, env={**NEEDED, "NO_COLOR": "", "FORCE_COLOR": ""})

    assert ("\x1b[" in on_terminal.out, "\x1b" in piped.out) == (True, False)


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


def imported(*modules: str) -> list[set[str]]:
    """Return what a fresh interpreter has imported after each of these."""
    program = f"import sys, importlib\nfor name in {modules}: importlib.import_module(name); print(*sys.modules)"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=patience(), check=True)
    return [{*line.split()} for line in done.stdout.splitlines()]


@pytest.mark.slow
def test_serving_needs_no_tracebacks_in_colour_and_no_pages_and_who_wants_rich_afterwards_has_it() -> None:
    _, serving, screen = imported("relay.cli.serve", "relay.app", "relay.cli.screen")
    assert serving & {"rich", "pygments", "relay.console.site", "relay.cli.template"} == set()
    assert "rich.console" in screen


@pytest.mark.slow
def test_a_client_of_the_running_relay_imports_nothing_slow() -> None:
    clients = imported(*(f"relay.cli.{name}" for name in ("access", "dead", "destinations", "silence", "status")))
    assert clients[-1] & {"aiohttp", "jinja2", "pydantic", "redis", "ruamel.yaml", "asyncio"} == set()
