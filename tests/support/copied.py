"""A copy of relay, changed as the documentation says, and its programs in fresh interpreters."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from shutil import copytree
from typing import Any

from tests.support.patience import patience

ROOT = Path(__file__).parents[2]


def block(page: str, language: str, heading: str) -> str:
    """The first block of code in this language below the heading."""
    match = re.search(rf"```{language}\n(.*?)```", page[page.index(heading) :], re.DOTALL)
    assert match
    return match[1]


def copy_to(root: Path) -> Path:
    for folder in ("relay", "templates"):
        copytree(ROOT / folder, root / folder)  # with the bytecode, which is as new as before
    return root


def insert_below(file: Path, line: str, added: str) -> None:
    """Add lines below the only one that begins so."""
    lines = file.read_text("utf-8").splitlines(keepends=True)
    [number] = [number for number, text in enumerate(lines, 1) if text.startswith(line)]
    lines.insert(number, added)
    file.write_text("".join(lines), "utf-8")


def run(copied: Path, *arguments: object) -> "subprocess.CompletedProcess[str]":
    """A program of the copy's, in a fresh interpreter."""
    environment = {**os.environ, "PYTHONPATH": str(copied), "PYTHONDONTWRITEBYTECODE": ""}
    command = [sys.executable, "-P", *map(str, arguments)]
    return subprocess.run(
        command, env=environment, cwd=copied, capture_output=True, text=True, timeout=patience(), check=False
    )


def answer(copied: Path, program: str, *arguments: object) -> Any:
    done = run(copied, "-c", program, *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])  # what is logged stands before
