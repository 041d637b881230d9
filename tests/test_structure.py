"""The rooms keep their order, and the guard refuses what it promises to refuse."""

import re
import subprocess
import sys
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest

from tests.support.patience import patience
from tools.prose import comments, docstrings, pages, riddle_words, vague_docstrings
from tools.structure import circles, floors, imports, rooms
from tools.walk import module_of, walk

ROOT = Path(__file__).parents[1]
GUARD = Path(sys.executable).with_name("lint-imports")
MODULES_OF_AN_EVENT = 130  # from its POST to the call at Slack, in all threads
SLACK = "from relay.channels.slack.channel import Slack"
RIDDLES_IN_1000 = 1.5  # words that leave open who or what is meant (tools/prose.py)

SANDBOX = "from relay_sandbox.standins import slack_workspace"
PLANTED = {  # what the guard names, the file that has it, and the import
    "background.reconciliation -> slack_sdk": ("background/reconciliation.py", "import slack_sdk"),
    "receiving.request_body -> redis": ("receiving/request_body.py", "import redis"),
    "app -> aiosmtplib": ("app.py", "import aiosmtplib"),
    "delivering.worker -> relay.channels.slack.channel": ("delivering/worker.py", SLACK),
    "interactivity.buttons -> relay.channels.slack.channel": ("interactivity/buttons.py", SLACK),
    "domain.events -> relay.store": ("domain/events.py", "from relay.store import Store"),
    "engine.order -> redis": ("engine/order.py", "from redis.asyncio import Redis"),
    "engine.order -> asyncio": ("engine/order.py", "import asyncio"),
    "cli.template_lint -> relay_sandbox": (
        "cli/template_lint.py",
        "from relay_sandbox.standins import slack_workspace",
    ),
    "leftover": ("leftover.py", "import json"),  # a file that nobody listed
}


@pytest.mark.slow
def test_the_guard_refuses(tmp_path: Path) -> None:
    for package in ("relay", "relay_sandbox"):
        copytree(ROOT / package, tmp_path / package, ignore=ignore_patterns("__pycache__"))
    (tmp_path / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    for file, line in PLANTED.values():
        with (tmp_path / "relay" / file).open("a") as module:
            module.write(f"\n\ndef _planted() -> None:\n    {line}\n")

    done = subprocess.run([GUARD, "--no-cache"], cwd=tmp_path, capture_output=True, text=True, timeout=patience(100),
                          check=False)  # fmt: skip

    assert done.returncode == 1
    assert [name for name in PLANTED if not re.search(rf"\brelay\.{name}", done.stdout)] == []


def test_no_arrow_leads_up_and_none_in_a_circle() -> None:
    modules = imports(ROOT)
    between = rooms(modules)

    assert circles(modules) == []
    assert circles(between) == []
    height = floors(between)
    assert all(height[room] > height[below] for room, reached in between.items() for below in reached)


async def test_an_event_stays_below_the_number_of_modules_that_was_reached() -> None:
    functions = {*(await walk(3))[0]}
    for _ in range(4):  # on a busy machine a timer falls into each event of a walk, but hardly into those of all
        if len({module_of(function) for function in functions}) > MODULES_OF_AN_EVENT:
            functions &= {*(await walk(3))[0]}
    entered = {module_of(function) for function in functions}

    assert 40 < len(entered) <= MODULES_OF_AN_EVENT


def test_docstrings_say_what_is_done_and_words_stay_plain() -> None:
    texts = [*docstrings(ROOT)]
    words, riddles = riddle_words([*texts, *comments(ROOT), *pages(ROOT)])

    assert vague_docstrings(texts) == []
    assert riddles.total() / words * 1000 <= RIDDLES_IN_1000, riddles
