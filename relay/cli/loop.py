"""The event loop that long-running commands use: uvloop where there is one."""

import asyncio
from collections.abc import Coroutine
from importlib import import_module
from importlib.util import find_spec
from typing import Any


def run_loop(main: Coroutine[Any, Any, None]) -> None:
    """Run to the end. Windows, and Pythons other than CPython, have no uvloop and use asyncio's own loop."""
    run = import_module("uvloop").run if find_spec("uvloop") else asyncio.run
    run(main)
