"""compose.yaml and the Dockerfile, as far as they can be tried without containers.

What they start is started here, with the environment and the mounts that they give it; only hosts and ports are others.
"""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from relay.store.embedded.binary import find_server
from relay_sandbox.standins.slack import SlackStandin
from tests.support.commands import ROOT, Serving, environment, relay
from tests.support.patience import patience
from tests.support.ports import free_ports
from tests.support.programs import needs
from tests.support.waiting import until

pytestmark = pytest.mark.slow

COMPOSE = YAML(typ="safe", pure=True).load((ROOT / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PAIR = ("relay", "relay-2")
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
NEWCOMER = {  # what the head of compose.yaml tells a newcomer to put into .env
    "RELAY_WEBHOOK_SECRET": sha256(b"webhook").hexdigest(),
    "RELAY_CALLBACK_TOKEN": sha256(b"callback").hexdigest(),
    "RELAY_ADMIN_TOKEN": sha256(b"admin").hexdigest(),
    "RELAY_SECRET": sha256(b"relay").hexdigest(),
    "RELAY_REDIS_PASSWORD": sha256(b"redis").hexdigest(),
    "SLACK_BOT_TOKEN": "xoxb-2048-4096-abcdef",
}


def given(value: str) -> str:
    """Return what compose makes of a value: every variable in it is set, or `docker compose up` refuses to start."""
    return re.sub(r"\$\{(\w+)(:\?[^}]*)?\}", lambda found: NEWCOMER[found[1]], value)


@asynccontextmanager
async def running(*command: str, cwd: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *command, cwd=cwd, env=environment({"PYTHONPATH": str(ROOT)}), stdout=asyncio.subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def succeeds(*command: str) -> bool:
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    return await process.wait() == 0


async def listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


@asynccontextmanager
async def redis_of_compose(directory: Path) -> AsyncIterator[int]:
    """The Redis that compose.yaml starts, by its own command; only the port is another."""
    program, *options = [given(word) for word in SERVICES["redis"]["command"]]
    assert program == "valkey-server"
    [port] = free_ports(1)
    here = ("--port", str(port), "--bind", "127.0.0.1", "--dir", str(directory))
    async with running(str(find_server()), *options, *here, cwd=directory):
        await until(lambda: listens(port))
        yield port


@asynccontextmanager
async def inbox_of_compose(directory: Path) -> AsyncIterator[dict[str, int]]:
    """The inbox, by its entrypoint; the ports of compose.yaml → those it has here."""
    ports = dict(zip(("1025", "8025"), free_ports(2), strict=True))
    program, *options = SERVICES["inbox"]["entrypoint"]
    assert program == "python"
    async with running(sys.executable, *here(options, ports), cwd=directory):
        asks = here(SERVICES["inbox"]["healthcheck"]["test"][2:], ports)
        await until(lambda: succeeds(sys.executable, *asks))  # its own health check says when
        yield ports


def here(words: list[str], ports: dict[str, int]) -> list[str]:
    return [str(ports.get(word, word)) for word in words]


def mounted(directory: Path) -> Path:
    """The configuration where the container has it: RELAY_CONFIG of the image, below the folder that is mounted."""
    [volume] = SERVICES["relay"]["volumes"]
    outside, inside, access = volume.split(":")
    [config] = re.findall(r"RELAY_CONFIG=(\S+)", DOCKERFILE)
    assert access == "ro"
    assert (ROOT / outside).is_dir()  # a single file that is replaced by renaming would never arrive
    shutil.copytree(ROOT / outside, directory / "mounted")
    return directory / "mounted" / Path(config).relative_to(inside)


async def test_what_compose_starts_passes_check_live_and_takes_events(home: Path) -> None:
    config = mounted(home)
    async with (
        SlackStandin(channels=["process-mining"]) as slack,
        redis_of_compose(home) as redis_port,
        inbox_of_compose(home) as inbox,
    ):
        # Slack alone has no service there, so the file gets the one key that makes it another's.
        token = 'token: "${SLACK_BOT_TOKEN}"'
        config.write_text(config.read_text("utf-8").replace(token, f"{token}\n    base_url: {slack.base_url}"), "utf-8")
        env = {name: given(value) for name, value in SERVICES["relay"]["environment"].items()}
        env["RELAY_REDIS_URL"] = env["RELAY_REDIS_URL"].replace("@redis:6379/", f"@127.0.0.1:{redis_port}/")
        assert env["SMTP_HOST"] in SERVICES
        env |= {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(inbox[env["SMTP_PORT"]])}
        env |= {"RELAY_HOST": "127.0.0.1", "RELAY_PORT": str(free_ports(1)[0]), "RELAY_CONFIG": str(config)}
        env |= {"RELAY_ADMIN_HOST": "127.0.0.1"}

        done = await relay("check", "--live", "--json", env=env)
        async with Serving(config, env):
            well = await relay("health", env=env)

    assert done.status == 0, done.out
    assert done.facts["live"]["redis"] == "answers; durability is fsync"
    assert f"127.0.0.1:{inbox['1025']} answers" in done.facts["live"]["channels.email"]
    assert well.status == 0, well.err


def test_compose_itself_finds_the_file_right(tmp_path: Path) -> None:
    """Its schema, what it merges, and every variable in it: all but starting it, which needs Docker."""
    program = needs("docker-compose", "docker-compose")
    env = {"PATH": os.defpath, "HOME": str(tmp_path), **NEWCOMER}
    asked = (program, "--file", ROOT / "compose.yaml", "config", "--format", "json")

    done = subprocess.run(asked, env=env, text=True, capture_output=True, timeout=patience(), check=False)

    assert done.returncode == 0, done.stderr
    merged = json.loads(done.stdout)["services"]
    pair = [merged[name] for name in PAIR]
    assert merged.keys() == SERVICES.keys()
    assert pair[1] == {key: value for key, value in pair[0].items() if key != "ports"}
    assert {service["stop_grace_period"] for service in pair} == {"30s"}  # relay stops within 29


def test_only_the_balancer_is_reached_from_other_machines() -> None:
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}

    assert ports.pop("balancer") == ["8080:8080"]
    assert all(port.startswith("127.0.0.1:") for listed in ports.values() for port in listed)
