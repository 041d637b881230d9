"""Mutated requests at every public address. Each is answered or closed in time, and none is a fault of relay."""

import asyncio
import re
from collections.abc import Iterator, Sequence

from campaign.attack import Attack, attack
from campaign.links import genuine_link
from campaign.report import Report
from campaign.requests import Request
from campaign.seeds import seeds
from campaign.target import Target
from campaign.wire import Exchange, Slots, exchange
from relay.receiving.problems import UNEXPECTED
from tests.support.patience import busyness

FULL = 200_000
TOGETHER = 400  # connections at a time, of all peers,
BUSY = 24  # of which so many wait for an answer that should come at once
DEADLINE = 30.0  # seconds on a machine at rest: relay gives ten for headers, and ten more for a body
GROWTH = 100  # MB
EXPECTED = {100, 200, 202, 400, 401, 404, 405, 408, 411, 413, 414, 415, 417, 421, 422, 426, 429, 431, 501}

NOT_READY = b'{"ready": false}'  # the answer to a probe on a machine that is too busy

NO_FAULT = "no answer is a fault of relay (5xx but 501, or 503 that says when to come back)"
IN_TIME = "each connection is answered or closed within its deadline"
ANSWERED = "there are more answers than connections that end without one, so that there is something to look at"
EXPECTED_STATUS = "each status is one that relay documents"
CLOSED = "what is no HTTP is followed by the end of its connection"


async def fuzz(target: Target, count: int, seed: int) -> Report:
    report = Report("fuzzer")
    good = seeds(target.configured, await genuine_link(target))
    report.figures["seed"] = f"{seed}"
    before, faults = target.rss(), await target.counted("relay_unexpected_errors_total")
    numbers, slots = target.while_in_time(range(count)), Slots(BUSY)
    await asyncio.gather(*(_work(target, report, numbers, seed, good, slots) for _ in range(min(TOGETHER, count))))
    after = target.rss()
    answered = sum(seen for name, seen in report.counts.items() if name.startswith("answered"))
    unanswered = report.counts["closed without an answer"]
    report.promise(ANSWERED, answered > unanswered, f"{answered} answers, {unanswered} connections without one")
    report.figures |= {"RSS before, MB": f"{before:.0f}", "RSS after, MB": f"{after:.0f}"}
    report.promise("relay lives and is ready", (await target.get("/readyz"))[0] == 200 and target.alive())
    report.promise(f"memory grows by {GROWTH} MB at most", after - before <= GROWTH, f"{before:.0f} → {after:.0f} MB")
    more = await target.counted("relay_unexpected_errors_total") - faults
    report.promise("relay counted no fault of its own", not more, f"relay_unexpected_errors_total + {more:.0f}")
    return report


async def _work(
    target: Target, report: Report, numbers: Iterator[int], seed: int, good: Sequence[Request], slots: Slots
) -> None:
    for number in numbers:
        chosen = attack(seed, number, good)
        async with slots.taken():
            came = await exchange(
                target.address, chosen.pieces, answers=chosen.answers, peer=chosen.peer, ending=chosen.ending,
                deadline=DEADLINE * busyness(),
            )  # fmt: skip
        judge(report, chosen, came, f"--seed {seed}, number {number}: {', '.join(chosen.kinds)}")
        target.outputs.add("answers", without_date(came.data))


def judge(report: Report, chosen: Attack, came: Exchange, name: str) -> None:
    """Look at all promises that one connection can break."""
    report.counts["requests"] += chosen.answers
    for kind in chosen.kinds:
        report.counts[f"mutation: {kind}"] += 1
    for status in came.statuses or [0]:
        report.counts[f"answered {status}" if status else "closed without an answer"] += 1
        report.promise(EXPECTED_STATUS, status in EXPECTED or status in (0, 503), f"{status} {name}")
    faulty = [status for status in came.statuses if status >= 500 and status not in (501, 503)]
    excused = came.data.count(b"\r\nRetry-After: ") + came.data.count(NOT_READY)
    faulty += [503] * max(came.statuses.count(503) - excused, came.data.count(UNEXPECTED.encode()))
    report.promise(NO_FAULT, not faulty, f"{faulty} {name}")
    report.promise(IN_TIME, not came.held, f"{came.seconds:.1f} s {name}")
    if b"This is not a valid HTTP/1.1 request." in came.data:
        report.promise(CLOSED, came.data.rstrip().endswith(b"}") and came.statuses[-1] == 400, name)


def without_date(data: bytes) -> bytes:
    """So that equal answers are kept once."""
    return re.sub(rb"\r\nDate: [^\r]*", b"", data)[:20_000]
