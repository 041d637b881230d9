"""The child that renders a user's templates: templates that end it, and the processes there are."""

import os
from pathlib import Path

FILE = "slack/operation.failed.yaml"
NOTE = f"Shown with relay's own wording: the template {FILE} failed."

LOOPS = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"


def children() -> list[int]:
    """The processes that render for this one; zombies as their negative ids."""
    pids = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            command = (entry / "cmdline").read_bytes()
        except OSError:  # it has just ended
            continue
        if int(parent) == os.getpid() and (b"relay.rendering.child" in command or state == "Z"):
            pids.append(-int(entry.name) if state == "Z" else int(entry.name))
    return pids
