"""Time until relay is ready, and its cost while nothing comes."""

import time
from functools import partial
from pathlib import Path

from benchmarks.speed import peers
from benchmarks.speed.findings import Bounds, Chart, Column, Findings, Measure, Sample, interleaved
from benchmarks.speed.ingest import Start
from benchmarks.speed.relays import relay
from tests.support.redis_server import RedisServer

SETTLE, SECONDS = 2, 6

TEXT = f"""\
Seconds from the start of the command until `/readyz` answers 200, with the private Redis or with one that is there
already; then {SECONDS} s in which nothing comes. CPU is the share of one core; RSS is the sum of all processes, which
share some of it."""

COLUMNS = (
    Column("ready s", "ready", ".2f"),
    Column("app CPU %", "app_cpu", ".2f"),
    Column("Redis CPU %", "redis_cpu", ".2f"),
    Column("RSS app MB", "app_mb"),
    Column("RSS Redis MB", "redis_mb"),
    Column("processes", "processes"),
)


def measure(bounds: Bounds) -> Findings:
    findings = Findings("idle", "Start and rest", TEXT, COLUMNS, (Chart("app_mb", "Memory at rest, MB"),))
    seconds = bounds.seconds(SECONDS)
    with RedisServer() as redis:
        subjects: dict[str, Measure] = {
            "Alertmanager": partial(_turn, begin=peers.alertmanager, seconds=seconds),
            "relay, private Redis": partial(_turn, begin=relay, seconds=seconds),
            "relay, another Redis": partial(
                _turn, begin=partial(relay, settings={"redis": {"url": redis.url}}), seconds=seconds
            ),
        }
        if peers.missing():
            del subjects["Alertmanager"]
        interleaved(findings, subjects, bounds)
    return findings


def _turn(directory: Path, _faults: list[str], *, begin: Start, seconds: int) -> Sample:
    began = time.perf_counter()
    with begin(directory) as subject:
        ready = time.perf_counter() - began
        time.sleep(SETTLE)
        before = subject.usage()
        time.sleep(seconds)
        used = subject.usage().since(before)
    return {
        "ready": ready, "app_cpu": used.app_cpu / seconds * 100, "redis_cpu": used.redis_cpu / seconds * 100,
        "app_mb": used.app_memory, "redis_mb": used.redis_memory, "processes": used.processes,
    }  # fmt: skip
