"""Changes that tests of `relay serve` make, and what they read in its log."""

import contextlib
import os
from pathlib import Path
from typing import Any

from tests.support.commands import Serving
from tests.support.events import body
from tests.support.stage import Surroundings


def change(config: Path, old: str, new: str) -> int:
    """The number of the line in which `old` became `new`."""
    before, found, after = config.read_text("utf-8").partition(old)
    assert found
    config.write_text(before + new + after, "utf-8")
    return before.count("\n") + 1


def embedded(around: Surroundings, data_dir: str) -> dict[str, str]:
    return {**around.env, "RELAY_REDIS_URL": "", "STAGE_DATA": data_dir}


def started(tenant: str = "room", **operation: Any) -> dict[str, Any]:
    return body("operation.started", 0, status="Initiated", **operation) | {"tenantId": tenant}


def events(serving: Serving, name: str) -> list[dict[str, Any]]:
    return [line for line in serving.lines if line.get("event") == name]


def alive(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False
