"""A relay with a private Redis in a memory control group, sent more than it can hold: refused, and never killed."""

import asyncio
import json
import os
import re
import subprocess
import sys
import urllib.error
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from urllib.request import urlopen

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from benchmarks.speed.relays import configuration
from benchmarks.speed.requests import document, failures, signed
from relay.engine.names import operation
from relay.memory import MIB, Memory
from relay.store.keys import PREFIX
from tests.support.cgroup import Group, memory_group
from tests.support.forked import ROOT
from tests.support.patience import patience
from tests.support.ports import free_ports
from tests.support.waiting import until

pytestmark = [pytest.mark.soak, pytest.mark.timeout(900)]

CONNECTIONS = 24
REWRITE = 5.0  # seconds between two rewrites of the append-only file
EACH = 50  # one report of progress for so many operations that begin
REFUSALS = 2_000  # after which what sends gives up


@dataclass
class Load:
    """What was sent and answered. `first`: how many operations were taken before the first refusal, by kind."""

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    acknowledged: set[str] = field(default_factory=set)
    first: dict[str, int] = field(default_factory=dict)

    async def send(self, port: int, events: Iterator[tuple[str, str, bytes]]) -> None:
        """Send kind, operation and body of one event after another over a connection that is kept."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for kind, name, content in events:
            writer.write(signed(f"msg-{name}-{kind}", content))
            head = await reader.readuntil(b"\r\n\r\n")
            if length := re.search(rb"content-length: (\d+)", head, re.I):
                await reader.readexactly(int(length[1]))
            status = int(head[9:12])
            assert status in (200, 202, 503), head
            self.answers[kind, status] += 1
            if status == 503:
                self.first.setdefault(kind, len(self.acknowledged))
            elif kind != "progress":
                self.acknowledged.add(name)
            if self.answers["operation", 503] + self.answers["message", 503] >= REFUSALS:
                break
        writer.close()


def operations(count: int) -> Iterator[tuple[str, str, bytes]]:
    """Operations without a recipient; and now and then, that one of them goes on."""
    for number in range(count):
        name = f"op-{number:09}"
        for kind, event, done in [("operation", "started", 0), ("progress", "progress", 40)][: 1 + (not number % EACH)]:
            made = document(f"operation.{event}", done, status="Running", operationId=name, operationName=name)
            yield kind, name, json.dumps(made).encode()


def messages(count: int) -> Iterator[tuple[str, str, bytes]]:
    """Failures for a Slack at which nothing listens."""
    for _, content in islice(failures(10_000_000, tenant="dead"), count):
        yield "message", json.loads(content)["operation"]["operationId"], content


@contextmanager
def serving(group: Group, directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`relay serve`, which is in this group from its first moment."""
    script = f"echo $$ > {group.procs} && exec {sys.executable} -m relay serve -c relay.yaml"
    environment = {"PATH": os.defpath, "PYTHONPATH": str(ROOT), "HOME": str(directory)}
    with (directory / "relay.log").open("wb") as log:
        process = subprocess.Popen(["sh", "-c", script], cwd=directory, env=environment, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(patience())


def answer(port: int, path: str) -> bytes:
    """Return what operators are answered; nothing where relay does not listen yet."""
    try:
        with urlopen(f"http://127.0.0.1:{port}{path}") as reply:
            return bytes(reply.read())
    except urllib.error.HTTPError as refusal:  # it is not ready, and says why
        return refusal.read()
    except OSError:
        return b""


async def rewrite(redis: Redis) -> None:
    while True:
        await asyncio.sleep(REWRITE)
        with suppress(ResponseError):  # one is under way
            await redis.bgrewriteaof()


@pytest.mark.parametrize(
    ("limit", "events"),
    [(256 * MIB, operations(60_000)), (256 * MIB, messages(12_000)), (512 * MIB, operations(90_000))],
    ids=["256 MiB, operations", "256 MiB, messages", "512 MiB, operations"],
)
async def test_beyond_what_it_holds_it_refuses_and_is_not_killed(
    limit: int, events: Iterator[tuple[str, str, bytes]], tmp_path: Path
) -> None:
    [port] = free_ports(1)
    settings = configuration(port, data_dir=str(tmp_path / "data"))
    settings["rules"].append(
        {"name": "failed", "events": ["operation.failed"], "tenants": ["dead"], "notify": ["team"]}
    )
    (tmp_path / "relay.yaml").write_text(json.dumps(settings))
    with memory_group(limit) as group, serving(group, tmp_path) as process:
        await until(lambda: process.poll() is not None or answer(port + 1, "/healthz"))
        assert process.poll() is None, (tmp_path / "relay.log").read_text()
        redis = Redis(unix_socket_path=str(tmp_path / "data" / "redis.sock"))
        rewriting = asyncio.create_task(rewrite(redis))
        load = Load()

        await asyncio.gather(*(load.send(port, events) for _ in range(CONNECTIONS)))

        rewriting.cancel()
        stated = json.loads(answer(port + 1, "/readyz?verbose"))["memory"]
        known = {key.decode().rpartition(":")[2] async for key in redis.scan_iter(f"{PREFIX}op:*", count=1_000)}
        rewrites = (await redis.info("persistence"))["aof_last_bgrewrite_status"]
        await redis.aclose()
        print(
            f"{limit >> 20} MiB: {dict(load.answers)}, refused first after {load.first}, at most {group.peak >> 20} MiB"
        )
        assert (process.poll(), group.kills, rewrites) == (None, 0, "ok")
        assert {operation(name) for name in load.acknowledged} <= known
        assert stated == Memory.shared(limit).stated(private=True)
        if load.answers["operation", 202]:
            assert len(load.acknowledged) >= stated["operations"]
            assert 0 < load.first["progress"] < load.first["operation"]
