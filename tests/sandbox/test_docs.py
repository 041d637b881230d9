"""Tests of what docs/sandbox.md says: its commands are run, its example is taken, and its tables are complete."""

import json
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from relay.cli import main
from relay_sandbox.schema.requests import Play
from tests.support.commands import ROOT, relay
from tests.support.sandbox import TOKEN, SandboxProcess, Stage

PAGE = (ROOT / "docs/sandbox.md").read_text("utf-8")


def named(table: str) -> set[str]:
    """Return what the first cells of the table under this heading name in code."""
    rows = re.search(rf"^\| {table} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", PAGE, re.M)
    assert rows
    return {name for row in rows[1].splitlines() for name in re.findall(r"`([^`]+)`", row.split("|")[1])}


@pytest.mark.timeout(180)
@pytest.mark.slow
async def test_the_commands_do_what_they_should(tmp_path: Path) -> None:
    serve = re.search(r"^relay sandbox (.*)$", PAGE, re.M)
    (block,) = re.findall(r"^```sh\n(.*?)^```", PAGE, re.M | re.S)
    export, *lines = map(shlex.split, block.splitlines())
    assert serve
    with SandboxProcess(*serve[1].split(), "--speed", "600", "--data-dir", str(tmp_path)) as running:  # the last counts
        env = dict(word.split("=", 1) for word in export[1:])
        assert env["PLATFORM_URL"] == "http://127.0.0.1:8090"
        env |= {"PLATFORM_URL": running.url, "PLATFORM_TOKEN": TOKEN}
        said, id_ = [], ""
        for line in lines:
            done = await relay(*(word.replace("ID", id_) for word in line[1:]), env=env)
            assert (line[0], done.status) == ("relay", 0), done.err
            said.append(done.out)
            id_ = id_ or done.out.split()[0]
    assert "Sales data" in said[1]
    assert re.search(rf"^operationId +{id_}\nstatus +\w+\n", said[2])


async def test_the_example_is_taken(sandbox: Stage) -> None:
    (example,) = re.findall(r"^```json\n(.*?)^```", PAGE, re.M | re.S)

    started = await sandbox.ask("POST", "/operation", json.loads(example), status=202)
    await sandbox.advance(130)

    error = (await sandbox.get(started["operationId"]))["error"]
    assert error["phase"] == json.loads(example)["parameters"]["sandbox"]["phase"]


def test_the_tables_are_complete() -> None:
    text = CliRunner().invoke(main, ["sandbox", "--help"]).output
    assert named("option") - {"RELAY_SANDBOX_TOKEN"} == set(re.findall(r"^  (--[a-z-]+)", text, re.M)) - {"--help"}
    assert named("key") == {field.alias for field in Play.model_fields.values()}
