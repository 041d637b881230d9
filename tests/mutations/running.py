"""Mutations one after the other, each with its tests in a fork that has imported relay.

python -m tests.mutations.running. A mutation takes the place of the code of its function, so nothing is imported anew.
Without any, the tests of each room have to pass.
"""

import gc
import os
import pkgutil
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import CodeType, FunctionType

import pytest

import relay
import tests.conftest
from relay.store.journal import scripts
from tests.mutations.table import ROOMS, Mutation, mutations, tests_of

AT_ONCE = 2
SECONDS = 60  # of one test
PYTEST = ["-q", "-x", "-n", "0", "-m", "not slow and not soak", "-p", "no:cacheprovider", "-p", "no:randomly",
          "--timeout", f"{SECONDS}"]  # fmt: skip
CAUGHT, SURVIVED, NOT_APPLIED, BROKEN = range(4)
OUTCOMES = ("caught", "SURVIVED", "not applied", "BROKEN")


def main() -> None:
    """Print what became of each."""
    functions = imported()
    gc.freeze()  # forks share these pages
    running: dict[int, tuple[Mutation, float]] = {}
    waiting = [*(Mutation(room, "", "") for room in ROOMS), *mutations()]
    while waiting or running:
        while waiting and len(running) < AT_ONCE:
            mutation = waiting.pop(0)
            if pid := os.fork():
                running[pid] = mutation, time.monotonic()
            else:
                os._exit(attempt(mutation, functions))
        pid, status = os.wait()
        mutation, began = running.pop(pid)
        code = os.waitstatus_to_exitcode(status)
        outcome = OUTCOMES[code] if 0 <= code < len(OUTCOMES) else "caught"  # it may have ended the process
        if mutation.was or outcome != "SURVIVED":
            print(f"{outcome} after {time.monotonic() - began:.0f} s: {mutation}", flush=True)


def imported() -> dict[CodeType, list[FunctionType]]:
    """Import all of relay; return the functions that have this code."""
    for module in pkgutil.walk_packages(relay.__path__, "relay."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    found = defaultdict(list)
    for it in gc.get_objects():
        if isinstance(it, FunctionType):
            found[it.__code__].append(it)
    return found


def attempt(mutation: Mutation, functions: dict[CodeType, list[FunctionType]]) -> int:
    """Return what its tests say of it."""
    try:
        files = mutation.find() if mutation.was else [None]
        if len(files) != 1 or (mutation.was and not apply(mutation, files[0], functions)):
            return NOT_APPLIED
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)
        os.dup2(nothing, 2)
        code = pytest.main([*PYTEST, *tests_of(mutation.room, files[0])])
    except BaseException:  # noqa: BLE001 - whatever it does, it is noticed
        return CAUGHT
    if not code:
        return SURVIVED
    return CAUGHT if mutation.was and code in (pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED) else BROKEN


def apply(mutation: Mutation, file: Path, functions: dict[CodeType, list[FunctionType]]) -> bool:
    """Let relay do as it says. False where that is not the code of a function."""
    text = file.read_text("utf-8")
    mutated = text.replace(mutation.was, mutation.becomes)
    if file.suffix == ".lua":
        folder = Path(tempfile.mkdtemp(prefix="relay-"))
        for script in file.parent.glob("*.lua"):
            (folder / script.name).write_text(mutated if script == file else script.read_text("utf-8"), "utf-8")
        scripts.SOURCES = folder
        scripts.source.cache_clear()
        return True
    was, becomes = (dict(codes(compile(source, str(file), "exec"))) for source in (text, mutated))
    applied = False
    for name, code in was.items():
        if code != becomes[name]:
            for function in functions.get(code, ()):
                function.__code__ = becomes[name]
                applied = True
    return applied


def codes(code: CodeType) -> Iterator[tuple[str, CodeType]]:
    """Yield the code of functions and methods, by their names."""
    for one in code.co_consts:
        if isinstance(one, CodeType) and "<" not in one.co_qualname:
            yield one.co_qualname, one
            yield from codes(one)


if __name__ == "__main__":
    assert tests.conftest
    sys.exit(main())
