"""Mutated requests at every public address. Each is answered or closed in time, and none is a fault of relay."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from campaign.mutations import SPOILS, TEARS
from campaign.report import Report
from campaign.seeds import Request, seeds
from campaign.target import Target
from campaign.wire import Exchange, exchange
from relay.receiving.problems import UNEXPECTED
from tests.support.patience import busyness

FULL = 200_000
TOGETHER = 400  # connections at a time
PIECES = 8  # of a request that comes slowly
DEADLINE = 30.0  # seconds on a machine at rest: relay gives ten for headers, and five and more for a body
GROWTH = 100  # MB
EXPECTED = {0, 100, 200, 202, 400, 401, 404, 405, 408, 413, 415, 417, 421, 422, 429, 501, 503}
NOT_READY = b'{"ready": false}'  # the answer to a probe on a machine that is too busy

NO_FAULT = "no answer is a fault of relay (5xx but 501, or 503 that says when to come back)"
IN_TIME = "each connection is answered or closed within its deadline"
ANSWERED = "there are more answers than connections that end without one, so that there is something to look at"
EXPECTED_STATUS = "each status is one that relay documents"


@dataclass(frozen=True)
class Attack:
    """`answers` is how many there may be at least, before nothing more is waited for."""

    kinds: tuple[str, ...]
    pieces: tuple[bytes, ...]
    answers: int
    ending: bool  # we say when nothing more comes; else relay has to give up by itself


def attack(seed: int, number: int, good: Sequence[Request]) -> Attack:
    """Return one attack by its number: the same for the same seed, so that it can be looked at again."""
    dice = Random(f"{seed} {number}")
    request, kinds = dice.choice(good), []
    for _ in range(dice.choice((0, 1, 1, 1, 2, 3))):
        kinds.append(dice.choice((*SPOILS,)))
        request = SPOILS[kinds[-1]](dice, request)
    raw, answers = request.raw(), 1
    if not kinds or dice.random() < 0.3:
        kinds.append(dice.choice((*TEARS,)))
        raw = TEARS[kinds[-1]](dice, raw)
    if dice.random() < 0.1:
        kinds.append("pipelined")
        answers = dice.randrange(2, 12)
        more = [dice.choice(good).raw() for _ in range(answers - 1)]
        raw = b"".join((raw, *more) if dice.random() < 0.5 else (*more, raw))
    pieces: tuple[bytes, ...] = (raw,)
    if dice.random() < 0.05:
        kinds.append("in pieces")
        places = sorted(dice.randrange(len(raw) + 1) for _ in range(PIECES - 1))
        pieces = tuple(raw[start:end] for start, end in zip((0, *places), (*places, len(raw)), strict=True))
    return Attack(tuple(kinds), pieces, answers, ending=dice.random() >= 0.002)


async def run(target: Target, count: int, seed: int) -> Report:
    report, good = Report("fuzzer"), seeds(target.sources)
    before, faults = target.memory(), await target.faults()
    numbers = target.while_in_time(range(count))
    await asyncio.gather(*(_work(target, report, numbers, seed, good) for _ in range(min(TOGETHER, count))))
    after = target.memory()
    answered = sum(seen for name, seen in report.counts.items() if name.startswith("answered"))
    unanswered = report.counts["closed without an answer"]
    report.promise(ANSWERED, answered > unanswered, f"{answered} answers, {unanswered} connections without one")
    report.promise("relay lives and is ready", (await target.get("/readyz"))[0] == 200)
    report.promise(f"memory grows by {GROWTH} MB at most", after - before <= GROWTH, f"{before:.0f} → {after:.0f} MB")
    more = await target.faults() - faults
    report.promise("relay counted no fault of its own", not more, f"relay_unexpected_errors_total + {more:.0f}")
    return report


async def _work(target: Target, report: Report, numbers: Iterator[int], seed: int, good: Sequence[Request]) -> None:
    for number in numbers:
        chosen = attack(seed, number, good)
        came = await exchange(
            target.address, chosen.pieces, answers=chosen.answers, ending=chosen.ending, deadline=DEADLINE * busyness()
        )
        judge(report, chosen, came, f"--seed {seed}, number {number}: {', '.join(chosen.kinds)}")


def judge(report: Report, chosen: Attack, came: Exchange, name: str) -> None:
    """Look at all promises that one connection can break."""
    report.counts["requests"] += chosen.answers
    for status in came.statuses or [0]:
        report.counts[f"answered {status}" if status else "closed without an answer"] += 1
        report.promise(EXPECTED_STATUS, status in EXPECTED, f"{status} {name}")
    faulty = [status for status in came.statuses if status >= 500 and status not in (501, 503)]
    excused = came.data.count(b"\r\nRetry-After: ") + came.data.count(NOT_READY)
    faulty += [503] * max(came.statuses.count(503) - excused, came.data.count(UNEXPECTED.encode()))
    report.promise(NO_FAULT, not faulty, f"{faulty} {name}")
    report.promise(IN_TIME, not came.held, f"{came.seconds:.1f} s {name}")
