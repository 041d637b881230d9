"""The rooms keep their order, and the guard refuses what it promises to refuse."""

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
MODULES_OF_AN_EVENT = 107  # from its POST to the call at Slack: 34 of them decide (relay/engine)
RIDDLES_IN_1000 = 1.5  # words that leave open who or what is meant (tools/prose.py)

PLANTED = {
    "reconciliation that posts": ("relay/background/reconciliation.py", "import slack_sdk"),
    "a receiver with a Redis of its own": ("relay/receiving/request_body.py", "import redis"),
    "an app that mails": ("relay/app.py", "import aiosmtplib"),
    "a worker that knows Slack": ("relay/delivering/worker.py", "from relay.channels.slack.channel import Slack"),
    "buttons that know Slack": ("relay/interactivity/buttons.py", "from relay.channels.slack.channel import Slack"),
    "a domain that stores": ("relay/domain/events.py", "from relay.store import Store"),
    "an engine that asks Redis": ("relay/engine/order.py", "from redis.asyncio import Redis"),
    "an engine that waits": ("relay/engine/order.py", "import asyncio"),
    "a command that lives off a stand-in": (
        "relay/cli/template_lint.py",
        "from relay_sandbox.standins.slack_workspace import Workspace",
    ),
    "a file that nobody listed": ("relay/leftover.py", "import json"),
}


def guarded(root: Path) -> subprocess.CompletedProcess[str]:
    command = [GUARD, "--no-cache"]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=patience(100), check=False)


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of relay's modules, whose own guard finds nothing to refuse."""
    root = tmp_path_factory.mktemp("copy")
    for package in ("relay", "relay_sandbox"):
        copytree(ROOT / package, root / package, ignore=ignore_patterns("__pycache__"))
    (root / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    done = guarded(root)
    assert done.returncode == 0, done.stdout
    return root


@pytest.mark.parametrize(("file", "line"), PLANTED.values(), ids=PLANTED.keys())
@pytest.mark.slow
def test_the_guard_refuses(copied: Path, file: str, line: str) -> None:
    module = copied / file
    before = module.read_bytes() if module.exists() else None
    module.write_bytes((before or b"") + f"\n\ndef _planted() -> None:\n    {line}\n".encode())
    try:
        done = guarded(copied)
    finally:
        module.write_bytes(before) if before is not None else module.unlink()

    assert done.returncode == 1
    assert "BROKEN" in done.stdout or "not listed" in done.stdout or "undeclared" in done.stdout.lower()


def test_no_arrow_leads_up_and_none_in_a_circle() -> None:
    modules = imports(ROOT)
    between = rooms(modules)

    assert circles(modules) == []
    assert circles(between) == []
    height = floors(between)
    assert all(height[room] > height[below] for room, reached in between.items() for below in reached)


async def test_an_event_stays_below_the_number_of_modules_that_was_reached() -> None:
    functions = {*await walk(3)}
    for _ in range(4):  # on a busy machine a timer falls into each event of a walk, but hardly into those of all
        if len({module_of(function) for function in functions}) > MODULES_OF_AN_EVENT:
            functions &= {*await walk(3)}
    entered = {module_of(function) for function in functions}

    assert 40 < len(entered) <= MODULES_OF_AN_EVENT


def test_docstrings_say_what_is_done_and_words_stay_plain() -> None:
    texts = [*docstrings(ROOT)]
    words, riddles = riddle_words([*texts, *comments(ROOT), *pages(ROOT)])

    assert vague_docstrings(texts) == []
    assert riddles.total() / words * 1000 <= RIDDLES_IN_1000, riddles
