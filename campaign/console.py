"""Operators use the console and programs ask, while strangers and one who only looks take and forge what they can."""

import asyncio
import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

from campaign.configuration import OPERATOR, PROGRAM, VIEWER
from campaign.connections import QUICK, SLOWEST, under_way
from campaign.crowds import Crowd, gathered
from campaign.forms import COOKIE, FORGED, HOST, OWN, Known
from campaign.report import Report
from campaign.requests import Request
from campaign.seeds import FORM
from campaign.target import Target
from campaign.visits import answers, asking, entered_by_link, working

FULL = 20  # seconds under attack
GROWTH = 100  # MB
SLOW = 120  # forms that dribble
FORGERS = "127.0.22.1"
SLOW_PEERS = ("127.0.21.1", "127.0.21.2")
OUT = "whoever may not is refused, and given no login"
LINKED = "a link lets one in"
NOTHING_DONE = "no form of theirs did anything"
CROWDED = "strangers have as many connections as they get, or nothing was attacked"


async def console(target: Target, count: int, seed: int) -> Report:
    report, before = Report("console"), target.rss()
    listener = replace(target, url=target.admin_url)
    seconds = max(1.0, float(count))
    viewer, viewer_csrf = await entered_by_link(listener, "viewer", VIEWER)
    operator, _ = await entered_by_link(listener, "operator", OPERATOR)
    report.promise(LINKED, bool(viewer and operator))
    facts = target.configured
    known = Known(viewer, viewer_csrf, operator, facts.admin_token, facts.api_token)
    end = time.monotonic() + seconds
    async with contextlib.AsyncExitStack() as stack:
        for crowd in crowds():
            await stack.enter_async_context(gathered(listener, crowd))
            report.figures[f"{crowd.name}: tried"] = f"{crowd.count:,}"
        took, *_ = await asyncio.gather(
            under_way(target, report, seconds, "console attacked"),
            working(listener, report, end),
            asking(listener, report, end),
            forging(listener, report, known, end, Random(f"{seed} console")),
        )
    report.promise(CROWDED, await refused(listener) > 0)
    p99 = sorted(took)[min(len(took) - 1, int(len(took) * 0.99))]
    report.promise(QUICK, p99 <= SLOWEST, f"{p99 * 1000:.0f} ms")
    report.promise(NOTHING_DONE, not (done := await acts(target)), done[:3])
    report.promise(
        f"memory grows by {GROWTH} MB at most", target.rss() - before <= GROWTH, f"{before:.0f} → {target.rss():.0f} MB"
    )
    report.promise("relay lives", target.alive())
    return report


def crowds() -> Iterator[Crowd]:
    """Forms that never end, and connections that say nothing."""
    slow = Request(b"POST", b"/console/enter/none", (HOST, FORM, OWN, (b"Content-Length", b"4000")), length=False).raw()
    yield Crowd("slow forms", SLOW_PEERS, SLOW, slow + b"name=", b"a")
    yield Crowd("silent connections", SLOW_PEERS, SLOW, b"")


async def forging(listener: Target, report: Report, known: Known, end: float, dice: Random) -> None:
    """Each kind in turn, over and over."""
    while time.monotonic() < end:
        for kind, (make, refusals) in FORGED.items():
            [(status, head, _)] = await answers(listener, [make(dice, known)], FORGERS)
            report.counts[f"tried: {kind}"] += 1
            judge(report, kind, refusals, status, head)
            if time.monotonic() > end and report.counts[f"tried: {[*FORGED][-1]}"]:
                return


def judge(report: Report, kind: str, refusals: frozenset[int], status: int, head: bytes) -> None:
    """A connection that is closed without an answer is a refusal, too, where there was no place."""
    let_in = f"set-cookie: {COOKIE}=".encode() in head.lower().replace(f'{COOKIE}=""'.encode(), b"")
    report.promise(OUT, status in refusals and not let_in, f"{kind}: {status} {head[:200]!r}")


async def acts(target: Target) -> list[str]:
    """List what those who have a login or a token did, but for logging in, by the audit trail."""
    trail: list[dict[str, Any]] = []
    cursor = ""
    while not trail or cursor:
        page = json.loads((await target.command("audit", "--json", "--cursor", cursor)).out)
        trail += page["rows"]
        cursor = page["cursor"]
    return [
        f"{act}"
        for act in trail
        if any(name in act["actor"] for name in (OPERATOR, VIEWER, PROGRAM))
        and act["action"] not in ("console login", "console link")
    ]


async def refused(listener: Target) -> float:
    """Return how many connections were refused a place, or had to give it up to others."""
    _, text = await listener.get("/metrics", admin=True)
    names = tuple(f'relay_connections_{what}_total{{listener="operators"' for what in ("refused", "evicted"))
    return sum(float(row.rpartition(" ")[2]) for row in text.splitlines() if row.startswith(names))
