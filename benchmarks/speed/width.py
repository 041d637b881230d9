"""What it costs to spread the data over the nodes of a Cluster: CPU per event, with one node and with more."""

import asyncio
from functools import partial
from pathlib import Path

from benchmarks.speed import accounts, load, requests
from benchmarks.speed.findings import Bounds, Chart, Column, Findings, Measure, interleaved
from benchmarks.speed.processes import usage_of
from benchmarks.speed.relays import Relay, relay
from benchmarks.speed.statistics import Sample
from benchmarks.speed.turn import FASTEST, WARM_UP, taken
from tests.support.clusters import Clustered
from tests.support.redis_server import RedisServer

PARTITIONS = 12
NODES = (1, 2, 3)
SECONDS = 3
DURABLE = {"appendonly": "yes", "appendfsync": "always"}
ALONE = "relay, one Redis, 1 partition"

TEXT = f"""\
New events of which nobody hears, taken by one relay whose data is on a Redis of its own or on the nodes of a Cluster in
{PARTITIONS} partitions, each with an fsync before it answers. All share this machine, so more nodes take no more events
here: what counts is CPU per event, relay's and all nodes' together, and how much of it the busiest node has."""

COLUMNS = (
    Column("req/s", "rate"),
    Column("app µs", "app_us"),
    Column("all nodes µs", "redis_us"),
    Column("busiest node µs", "busiest_us"),
    Column("app × alone", "app_us", ".2f", ALONE),
    Column("nodes × alone", "redis_us", ".2f", ALONE),
    Column("p99 ms", "p99", ",.1f"),
    Column("others", "others", ".2f"),
)


def measure(bounds: Bounds) -> Findings:
    charts = (Chart("busiest_us", "CPU per event of the busiest node, µs"),)
    findings = Findings("width", "Several nodes", TEXT, COLUMNS, charts)
    if not load.found():
        findings.left_out.append("all of it: there is no wrk")
        return findings
    seconds = bounds.seconds(SECONDS)
    made = (requests.signed(*pair) for pair in requests.events())
    file = requests.write(bounds.directory / "width.bin", made, FASTEST * (seconds + WARM_UP))
    subjects: dict[str, Measure] = {ALONE: partial(_alone, file=file, seconds=seconds)}
    subjects |= {
        f"relay, Cluster of {nodes}": partial(_clustered, nodes=nodes, file=file, seconds=seconds) for nodes in NODES
    }
    interleaved(findings, subjects, bounds)
    file.unlink()
    return findings


def _alone(directory: Path, faults: list[str], *, file: Path, seconds: int) -> Sample:
    with RedisServer(**DURABLE) as server, relay(directory, {"redis": {"url": server.url}}) as subject:
        subject.servers = [server.pid]
        return _taken(subject, faults, file, seconds)


def _clustered(directory: Path, faults: list[str], *, nodes: int, file: Path, seconds: int) -> Sample:
    group = Clustered.of(nodes, 0, **DURABLE)
    try:
        asyncio.run(group.start())
        with relay(directory, {"redis": {"url": group.url, "partitions": PARTITIONS}}) as subject:
            subject.servers = [node.pid for node in group.running]
            return _taken(subject, faults, file, seconds)
    finally:
        group.stop()


def _taken(subject: Relay, faults: list[str], file: Path, seconds: int) -> Sample:
    sample = taken(subject, faults, file, seconds, accounts.new)
    shares = [usage_of(server).redis_cpu for server in subject.servers]  # since they started, which took next to none
    return {**sample, "busiest_us": sample.get("redis_us", 0.0) * max(shares) / sum(shares)}
