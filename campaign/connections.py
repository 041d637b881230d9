"""A sender sends signed events and probes ask, while crowds of connections take what they can."""

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import Sequence

from campaign.crowds import crowds, gathered
from campaign.report import Report
from campaign.seeds import HOST, Request, documents, signed
from campaign.target import Target
from campaign.wire import answered

FULL = 30  # seconds under attack
SLOWEST = 0.5  # seconds for 99 of 100 signed events
GROWTH = 100  # MB
PROBE = 3.0  # seconds for a probe, less than orchestrators usually wait
PAUSE = 0.02  # seconds between two events
BETWEEN = 0.2  # seconds between two rounds of probes

QUICK = f"99 of 100 signed events are answered within {SLOWEST * 1000:.0f} ms"
LOST = "each signed event is accepted"
GREEN = f"each probe is answered with 200 within {PROBE:g} s"


async def run(target: Target, count: int, _seed: int) -> Report:
    report = Report("connections")
    seconds, before = max(1.0, count / 2), target.memory()
    report.figures["RSS before, MB"] = f"{before:.0f}"
    await _under_way(target, report, seconds / 3, "calm")
    for attack, together in crowds(min(1.0, count / FULL)).items():
        async with contextlib.AsyncExitStack() as stack:
            held = [await stack.enter_async_context(gathered(target.address, crowd)) for crowd in together]
            took = await _under_way(target, report, seconds, attack)
            for crowd, members in zip(together, held, strict=True):
                there = sum(not member.gone for member in members)
                report.figures[f"{attack}, {crowd.name}: tried, held"] = f"{crowd.count:,}, {there:,}"
            after = target.memory()
        report.figures[f"{attack}: RSS, MB"] = f"{after:.0f}"
        report.promise(QUICK, _at(took, 0.99) <= SLOWEST, f"{_at(took, 0.99) * 1000:.0f} ms, {attack}")
        report.promise(
            f"{attack}: memory grows by {GROWTH} MB at most", after - before <= GROWTH, f"{before:.0f} → {after:.0f} MB"
        )
    return report


async def _under_way(target: Target, report: Report, seconds: float, when: str) -> list[float]:
    """Return the seconds that each signed event took, while probes are asked as well."""
    end = time.monotonic() + seconds
    probing = asyncio.create_task(_probe(target, report, end, when))
    took: list[float] = []
    body = documents()["operation.progress"]
    while time.monotonic() < end:
        body["operation"] = body["operation"] | {"operationId": f"op-{uuid.uuid4()}"}
        request = signed(target.sources, "hmac", json.dumps(body | {"eventId": f"{uuid.uuid4()}"}).encode(), "")
        status, seconds = await _asked(target, request)
        took.append(seconds)
        report.counts[f"signed events, {when}"] += 1
        report.promise(LOST, status == 202, f"{status} {when}")
        await asyncio.sleep(PAUSE)
    await probing
    report.figures[f"{when}: p50, p99 ms"] = f"{_at(took, 0.5) * 1000:.0f}, {_at(took, 0.99) * 1000:.0f}"
    return took


async def _probe(target: Target, report: Report, end: float, when: str) -> None:
    while time.monotonic() < end:
        for path in (b"/healthz", b"/readyz"):
            status, took = await _asked(target, Request(b"GET", path, (HOST,)))
            report.counts[f"probes, {when}"] += 1
            report.promise(GREEN, status == 200 and took <= PROBE, f"{status} {path!r} after {took:.2f} s, {when}")
        await asyncio.sleep(BETWEEN)


async def _asked(target: Target, request: Request) -> tuple[int, float]:
    """Return status and seconds, on a connection of its own: a visitor that is kept out must show."""
    start = time.monotonic()
    try:
        [status] = await answered(target.address, [request], 10.0)
    except TimeoutError:
        status = 0
    return status, time.monotonic() - start


def _at(took: Sequence[float], share: float) -> float:
    return sorted(took)[min(len(took) - 1, int(len(took) * share))]
