"""Print the table: one row for each policy, the same day for all of them."""

import argparse
import asyncio
import json
import logging
from itertools import chain

import structlog

from benchmarks.noise.day import Run, batches, reports, runs
from benchmarks.noise.simulation import Counted, Policy, simulate
from tests.support.redis_server import RedisServer

STATUSES = '"operation.started", "operation.completed", "operation.failed", "operation.cancelled"'
POLICIES = (
    Policy("every event posted"),
    Policy("each 10 % and status", rule=", min_progress_increment: 10"),
    Policy("status changes only", events=STATUSES),
    Policy("live (relay's default)", destination="mode: live"),
    Policy("live, a late event after each end", destination="mode: live", late=True),
    Policy("live, batches of 20", destination="mode: live", batch_of=20),
)
HEADINGS = ("policy", "events", "channel messages", "per operation", "thread replies", "edits", "peak calls/min")


async def measured(operations: int, hours: float, seed: int, policies: tuple[Policy, ...] = POLICIES) -> list[Counted]:
    """What each policy makes of the same day."""
    with RedisServer() as redis:
        counted = []
        for policy in policies:
            day = runs(operations, hours, seed=seed, batch_of=policy.batch_of)
            counted.append(await simulate(redis.url, policy, chain(_told(day, late=policy.late), batches(day))))
        return counted


def main() -> None:
    """`python -m benchmarks.noise`: about two minutes for the whole day."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--operations", type=int, default=120)
    parser.add_argument("--hours", type=float, default=8.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    found = asyncio.run(measured(given.operations, given.hours, given.seed))
    rows = [_row(policy, one, given.operations) for policy, one in zip(POLICIES, found, strict=True)]
    if given.json:
        print(json.dumps([dict(zip(HEADINGS, row, strict=True)) for row in rows], indent=2))
    else:
        print(
            f"{given.operations} operations in {given.hours:g} hours, a progress event every 10 s, seed {given.seed}\n"
        )
        print("\n".join("| " + " | ".join(map(str, row)) + " |" for row in (HEADINGS, ["---"] * len(HEADINGS), *rows)))
    faults = [policy.name for policy, one in zip(POLICIES, found, strict=True) if one.violations or one.imbalance]
    if faults:
        raise SystemExit(f"over Slack's limits, or a ledger that does not add up: {', '.join(faults)}")


def _told(day: list[Run], *, late: bool):
    return chain.from_iterable(reports(run, late=late) for run in day)


def _row(policy: Policy, one: Counted, operations: int) -> tuple[object, ...]:
    per = round(one.messages / operations, 2)
    return policy.name, one.events, one.messages, per, one.replies, one.edits, one.peak


if __name__ == "__main__":
    main()
