"""The machine and its programs; missing peers are installed from Debian, where we are root."""

import os
import platform
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from relay.store.embedded.server import find_server

PACKAGES = {"wrk": "wrk", "prometheus-alertmanager": "prometheus-alertmanager"}
LIBRARIES = ("aiohttp", "uvloop", "redis", "hiredis", "pydantic", "jinja2")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def install() -> list[str]:
    """Bring what is missing by apt-get; return the names of those that cannot be had."""
    missing = [package for program, package in PACKAGES.items() if not shutil.which(program, path=PATH)]
    if missing and os.geteuid() == 0 and shutil.which("apt-get"):
        # In runlevel 1 Debian's packages do not start their services.
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
        print(f"apt-get install {' '.join(missing)}", flush=True)
        for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *missing]):
            subprocess.run(["apt-get", *command], env=env, stdout=subprocess.DEVNULL, check=False)
    return [package for program, package in PACKAGES.items() if not shutil.which(program, path=PATH)]


def described() -> dict[str, str]:
    """The machine and the versions, for the report."""
    memory = re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())
    model = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    return {
        "machine": f"{len(os.sched_getaffinity(0))} × {model[1] if model else platform.machine()}, "
        f"{int(memory[1]) // 1_000_000 if memory else 0} GB, Linux {platform.release().split('-')[0]}",
        "versions": ", ".join(
            [f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in LIBRARIES)]
        ),
        "Redis": _first_line(str(find_server()), "--version"),
        "peers": "; ".join(filter(None, (_version(program) for program in PACKAGES))),
        "relay": _commit(),
        "load average before": f"{os.getloadavg()[0]:.2f}",
        "command": " ".join(["python -m benchmarks.speed", *sys.argv[1:]]),
    }


def _version(program: str) -> str:
    executable = shutil.which(program, path=PATH)
    if not executable:
        return f"{program} is not here"
    line = _first_line(executable, {"wrk": "-v"}.get(program, "--version"))
    number = re.search(r"\d+\.\d+(\.\d+)?", line)
    return f"{program.removeprefix('prometheus-')} {number[0] if number else ''}"


def _commit() -> str:
    return _first_line("git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty")


def _first_line(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return ((done.stdout + done.stderr).strip().splitlines() or [""])[0]
