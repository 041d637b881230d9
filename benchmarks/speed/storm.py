"""A critical failure amid a storm of progress: time until its message."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from pathlib import Path

from benchmarks.speed import accounts, load, requests
from benchmarks.speed.findings import Bounds, Column, Findings, Sample, interleaved, quantile
from benchmarks.speed.relays import relay
from benchmarks.speed.sending import at_once
from benchmarks.speed.standins import Standins

EVENTS, OPERATIONS = 100_000, 1_000
SECONDS = 12  # at most
FAILURES = 8  # of each kind, spread over that time
PATIENCE = 30.0

TEXT = f"""\
Up to {EVENTS:,} progress events of {OPERATIONS:,} operations that run at once, as fast as they are taken, for
{SECONDS} s at most, and critical failures among them: half of them of a tenant whose alerts have a conversation of
their own, half in the conversation where the storm shows in live messages. Seconds are from the POST to the call of
Slack's method."""

COLUMNS = (
    Column("events taken", "events"),
    Column("req/s", "rate"),
    Column("own conversation: median s", "own", ".3f"),
    Column("slowest s", "own_slowest", ".3f"),
    Column("same conversation: median s", "same", ".3f"),
    Column("slowest s", "same_slowest", ".3f"),
    Column("RSS app MB", "app_mb"),
    Column("RSS Redis MB", "redis_mb"),
)


def measure(bounds: Bounds) -> Findings:
    findings = Findings("storm", "A critical failure in a storm", TEXT, COLUMNS)
    if not load.program():
        findings.left_out.append("all of it: there is no wrk")
        return findings
    signed = (requests.signed(*pair) for pair in requests.progress(OPERATIONS))
    file = requests.write(bounds.directory / "storm.bin", signed, bounds.count(EVENTS, 2 * load.CONNECTIONS))
    one_round = replace(bounds, rounds=1)
    interleaved(findings, {"relay, storm": partial(_turn, file=file, seconds=bounds.seconds(SECONDS))}, one_round)
    file.unlink()
    return findings


def settings(port: int) -> dict[str, object]:
    return {
        "channels": {"slack": {"token": "xoxb-7Qm2-benchmark", "base_url": f"http://127.0.0.1:{port}/api/"}},
        "destinations": {"team": {"slack": "#team", "mode": "live"}, "alerts": {"slack": "#alerts", "mode": "each"}},
        "rules": [
            {"name": "everything", "events": ["operation.*"], "tenants": ["tenant-1"], "notify": ["team"]},
            {"name": "alerts", "events": ["operation.failed"], "tenants": ["own"], "notify": ["alerts"]},
        ],
    }


@dataclass(frozen=True, slots=True)
class Failure:
    conversation: str  # own or same
    name: str
    request: bytes


def _turn(directory: Path, faults: list[str], *, file: Path, seconds: int) -> Sample:
    with Standins() as standins, relay(directory, settings(standins.slack_port)) as subject:
        address = subject.url + requests.PATH
        with ThreadPoolExecutor(1) as aside:
            storm = aside.submit(load.load, address, file, seconds)
            due: dict[Failure, float] = {}
            for failure in _failures():
                time.sleep(seconds / (2 * FAILURES + 1))
                sent = standins.run(at_once(address, [failure.request], lanes=1))
                faults += [f"{failure.name} was not answered 2xx"] * sent.refused
                due[failure] = sent.due[0]
            result = storm.result()
        names = {failure.name for failure in due}
        standins.slack.wait_for(lambda: names <= standins.slack.moments.keys(), PATIENCE)
        faults += standins.slack.faults(names)
        used = subject.usage()
        faults += accounts.received(subject, result.requests + len(due))
        faults += [f"{result.refused} refused, {result.broken} broken"] * bool(result.refused or result.broken)
    waits = {
        kind: [standins.slack.moments[failure.name][0] - moment for failure, moment in due.items()
               if failure.conversation == kind and failure.name in standins.slack.moments]
        for kind in ("own", "same")
    }  # fmt: skip
    return {
        "events": result.requests, "rate": result.rate, "app_mb": used.app_memory, "redis_mb": used.redis_memory,
        **{kind: quantile(found, 0.5) for kind, found in waits.items()},
        **{f"{kind}_slowest": max(found, default=0.0) for kind, found in waits.items()},
    }  # fmt: skip


def _failures() -> Iterator[Failure]:
    """In turn of a tenant with a conversation of its own, and of the one that the storm is of."""

    def of(conversation: str, tenant: str, first: int) -> Iterator[Failure]:
        failures = requests.failures(first=first, priority="Critical", tenant=tenant)
        for number, pair in enumerate(islice(failures, FAILURES), first):
            yield Failure(conversation, f"op-{number:09}", requests.signed(*pair))

    kinds = of("own", "own", OPERATIONS), of("same", "tenant-1", OPERATIONS + FAILURES)
    return chain.from_iterable(zip(*kinds, strict=True))
