"""The log of relay serve: its format and its level."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import ROOT, environment, relay, relay_on_terminal
from tests.support.stage import CONFIG, Surroundings

pytestmark = pytest.mark.slow


async def test_a_refusal_at_the_start_is_in_the_form_of_the_log(around: Surroundings, tmp_path: Path) -> None:
    config = tmp_path / "relay.yaml"
    config.write_text("rules: none\n", "utf-8")

    refused = [await relay("serve", "-c", config, "--log-format", form, env=around.env) for form in ("text", "json")]

    text, lines = refused[0].err, [json.loads(line) for line in refused[1].err.splitlines()]
    assert [done.status for done in refused] == [1, 1]
    assert f"{config}:1: rules: expected a list\n" in text
    assert [(line["event"], line["level"], line["reason"] + "\n") for line in lines] == [
        ("config.refused", "error", text)
    ]


LIBRARY = """
import logging
from relay.cli.logs import configure
configure(machine=True)
logging.getLogger("aiohttp.server").warning("it was %s", "slow\\nand long")
try:
    raise ValueError("secret payload")
except ValueError:
    logging.getLogger("asyncio").exception("it failed")
"""


def test_what_libraries_say_is_json_among_json_and_holds_no_traceback() -> None:
    command = [sys.executable, "-c", LIBRARY]
    done = subprocess.run(command, cwd=ROOT, env=environment({}), capture_output=True, check=True)
    slow, failed = [json.loads(line) for line in done.stderr.splitlines()]

    assert slow.pop("timestamp")
    assert slow == {"event": "it was slow\nand long", "level": "warning", "logger": "aiohttp.server"}
    assert failed.pop("timestamp")
    assert failed == {
        "event": "it failed", "level": "error", "logger": "asyncio", "error": "ValueError", "at": "<string>:7",
    }  # fmt: skip


@pytest.mark.parametrize(("env", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
async def test_a_terminal_gets_text_and_colours_only_where_they_are_wanted(
    around: Surroundings, env: dict[str, str], coloured: bool
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:  # so that it ends, once it has warned
        port = f"{taken.getsockname()[1]}"
        done = await relay_on_terminal("serve", "-c", CONFIG, env={**around.env, "RELAY_PORT": port, **env})

    assert (done.status, "config.warned" in done.out, '"event"' in done.out) == (1, True, False)
    assert ("\x1b" in done.out) is coloured
