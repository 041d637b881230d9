"""The log of relay serve: its format and its level."""

import asyncio
import json
import socket
import sys
from pathlib import Path

import pytest

from tests.support.commands import ROOT, environment, relay, relay_on_terminal
from tests.support.stage import CONFIG, Surroundings

pytestmark = pytest.mark.slow


async def refused(around: Surroundings, config: Path, form: str) -> str:
    done = await relay("serve", "-c", config, "--log-format", form, env=around.env)
    assert done.status == 1
    return done.err


async def test_a_refusal_at_the_start_is_in_the_form_of_the_log(around: Surroundings, tmp_path: Path) -> None:
    config = tmp_path / "relay.yaml"
    config.write_text("rules: none\n", "utf-8")

    text = await refused(around, config, "text")
    lines = [json.loads(line) for line in (await refused(around, config, "json")).splitlines()]

    assert f"{config}:1: rules: expected a list\n" in text
    assert [(line["event"], line["level"], line["reason"] + "\n") for line in lines] == [
        ("config.refused", "error", text)
    ]


LIBRARY = """
import logging
from relay.cli.logs import configure
configure(machine={machine})
logging.getLogger("aiohttp.server").warning("it was %s", "slow\\nand long")
try:
    raise ValueError("secret payload")
except ValueError:
    logging.getLogger("asyncio").exception("it failed")
"""


async def library_says(*, machine: bool) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", LIBRARY.format(machine=machine), cwd=ROOT, env=environment({}),
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, err = await process.communicate()
    return err.decode()


async def test_what_libraries_say_is_json_among_json_and_holds_no_traceback() -> None:
    slow, failed = [json.loads(line) for line in (await library_says(machine=True)).splitlines()]

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
