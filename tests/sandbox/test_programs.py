"""The two programs of the API's documentation against `relay sandbox` as a process, by real time.

But for addresses and the token they are as they stand there. The JavaScript program looks once a minute, so its timers
are shortened, and the sandbox is as much faster: what it sees at each look is the same, in a sixth of the time. By hand
it runs with the timers as they are, at the speed 1, where the operation itself takes 45 minutes:

    RELAY_PROGRAM_SPEEDS=1 pytest tests/sandbox/test_programs.py
"""

import asyncio
import os
import re
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.support.events import SEED
from tests.support.patience import patience
from tests.support.post_server import PostServer
from tests.support.sandbox import TOKEN, SandboxProcess

NODE = shutil.which("node") or ""
BY_HAND = os.environ.get("RELAY_PROGRAM_SPEEDS", "").split()
SPEEDS = BY_HAND or ["360", "3000"]
# A minute between two looks becomes 10 s: still longer than Node.js keeps a connection, so each look opens one anew.
HASTE = 1 if BY_HAND else 6
HURRY = f"const wait = setTimeout; globalThis.setTimeout = (act, time, ...rest) => wait(act, time / {HASTE}, ...rest);"
SECONDS = 2 * 60 / HASTE + 45 * 60 / min(map(float, SPEEDS))  # two looks, and the work at the slowest
ARTIFACTS = ["Process Mining Analysis Report (PDF)", "Process Model Visualization (SVG)",
             "Anomaly Detection Results (CSV)", "Predictive Models (ZIP)"]  # fmt: skip
pytestmark = [pytest.mark.timeout(SECONDS + 120), pytest.mark.slow]


def program(name: str, platform: str, target: str) -> str:
    text = (SEED / name).read_text("utf-8").replace("https://your-app.com", target)
    return text.replace("/api/{tenantId}/{projectId}", f"{platform}/api/tenant-1/project-1")


async def workflow(speed: str, folder: Path, target: str) -> list[str]:
    """What the JavaScript program says, line by line."""
    options = ("--speed", speed, "--data-dir", str(folder))
    with SandboxProcess(*options) as running:
        file = folder / "workflow.js"
        file.write_text(f"const token = '{TOKEN}';\n" + program(file.name, running.url, target))
        timers = folder / "timers.cjs"
        timers.write_text(HURRY)
        process = await asyncio.create_subprocess_exec(
            NODE, "--require", timers, file, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        try:
            out, _ = await asyncio.wait_for(process.communicate(), SECONDS + patience())
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    assert process.returncode == 0
    return out.decode().splitlines()


@pytest.mark.skipif(not NODE, reason="there is no Node.js here")
async def test_the_workflow_sees_its_operation_run_and_comes_to_its_results(tmp_path: Path, posts: PostServer) -> None:
    folders = {speed: tmp_path / speed for speed in SPEEDS}
    for folder in folders.values():
        folder.mkdir()
    outputs = await asyncio.gather(*(workflow(speed, folder, posts.url) for speed, folder in folders.items()))
    for speed, lines in zip(SPEEDS, outputs, strict=True):
        (id_,) = (line.partition(": ")[2] for line in lines if line.startswith("Operation gestartet"))
        looks = [line for line in lines if line.startswith(f"Operation {id_}: ")]
        # Work of less than a second may be done before a busy machine comes to look.
        assert len(looks) > 1 or float(speed) > 1000
        assert all(look.startswith(f"Operation {id_}: Running (") for look in looks[:-1])
        assert looks[-1] == f"Operation {id_}: Completed (100%)"
        assert "Operation erfolgreich abgeschlossen!" in lines
        assert [line[2:].partition(":")[0] for line in lines if line.startswith("- ")] == ARTIFACTS
        whole = "\n".join(lines)
        assert "fehlgeschlagen" not in whole
        ends = re.findall(r"Ende: (.+)", whole)
        assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", end) for end in ends)
    # The webhook and `onCompletion` of each.
    completed = [each for each in posts.bodies if each["event"] == "operation.completed"]
    assert len({each["operation"]["operationId"] for each in completed}) == len(SPEEDS)


@pytest.mark.parametrize("speed", ["1", "60", "3000"])
async def test_the_manager_comes_to_its_results(speed: str, tmp_path: Path, posts: PostServer) -> None:
    """The program is a class: how long its operation works is for whoever uses it to say."""
    pytest.importorskip("requests", reason="requests is not installed")
    seconds = min(float(speed), 60)  # a second of real time, and far less at the highest speed
    with SandboxProcess("--speed", speed, "--data-dir", str(tmp_path)) as running:
        module = ModuleType("async_operation_manager")
        text = program("async_operation_manager.py", running.url, posts.url)
        exec(compile(text, module.__name__, "exec"), module.__dict__)
        manager = module.AsyncOperationManager(running.url, "tenant-1", "project-1", TOKEN)
        results = await asyncio.to_thread(use, manager, posts.url, seconds)
    assert (results["status"], results["success"], len(results["artifacts"])) == ("Completed", True, 4)


def use(manager: Any, target: str, seconds: float) -> Any:
    manager.register_webhook(target, ["operation.completed"])
    play = {"sandbox": {"duration": seconds}}
    started = manager.start_operation("ProcessMiningAnalysis", "Journey", play, priority="High")
    assert started["status"] == "Initiated"
    seen = [manager.get_operation_status(started["operationId"])["status"]]
    while seen[-1] == "Running":
        seen.append(manager.get_operation_status(started["operationId"])["status"])
    assert (seen[-1], "Initiated" in seen) == ("Completed", False)
    assert manager.list_operations(status="Completed")["summary"]["completed"] == 1
    return manager.get_operation_results(started["operationId"])
