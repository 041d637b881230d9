"""The log of relay serve: its format and its level."""

import asyncio
import contextlib
import json
import os
import pty
import signal
import sys
from pathlib import Path

import pytest

from tests.support.commands import ROOT, environment, relay
from tests.support.stage import CONFIG, Surroundings
from tests.support.waiting import until

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
    variables = {**environment({**around.env, "TERM": "xterm-256color"}), "NO_COLOR": "", **env}
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "relay", "serve", "-c", str(CONFIG), cwd=ROOT, env=variables, stderr=theirs
    )
    os.close(theirs)
    os.set_blocking(ours, False)
    log = bytearray()

    def read() -> bool:
        with contextlib.suppress(OSError):  # nothing yet, or nobody writes any more
            log.extend(os.read(ours, 65_536))
        return b"relay.started" in log or process.returncode is not None

    await until(read)
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0
    os.close(ours)
    assert b"relay.started" in log
    assert b'"event"' not in log
    assert (b"\x1b" in log) is coloured
