"""Lint beside everything else: `python -m relay.authoring.checking` in a process of its own, after all others.

Every message is made in every language, which takes seconds. The process reads the workspace, pickled by its parent,
and answers with JSON; it gets none of relay's environment.
"""

import asyncio
import json
import os
import pickle
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import relay
from relay.authoring.lint import faults_of
from relay.authoring.workspace import Workspace
from relay.errors import TemplateError
from relay.rendering.undefined_names import file_of

# What of our environment is the process's as well: none of the variables that may hold a secret.
KEPT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE")
PATIENCE = 600.0  # seconds: each message is bounded, so that this is for the worst of many


@dataclass(frozen=True, slots=True)
class Finding:
    """What lint says, with its place."""

    file: str
    line: int | None
    message: str


def child_environment() -> dict[str, str]:
    """What the process gets. Relay's secrets are not for it."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {**kept, "PYTHONPATH": str(Path(relay.__file__).parents[1])}


async def findings_of(workspace: Workspace) -> list[Finding]:
    """What is wrong with these templates. Cancelled, it ends its process.

    TemplateError if that cannot be looked for.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "relay.authoring.checking",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True, env=child_environment(),
    )  # fmt: skip
    try:
        async with asyncio.timeout(PATIENCE):
            output, _ = await process.communicate(pickle.dumps(workspace))
        return [Finding(*row) for row in json.loads(output)]
    except (TimeoutError, ValueError):
        raise TemplateError("what is wrong with the templates could not be looked for") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


def main() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # whoever sends it to all of relay means a reload, which is not for us
    os.nice(10)  # whoever looks at a message does not wait for it, nor does an event
    workspace: Workspace = pickle.loads(sys.stdin.buffer.read())  # noqa: S301 - from our parent
    print(json.dumps([file_of(fault) for fault in faults_of(workspace)]))


if __name__ == "__main__":
    main()
