"""Print what the store costs Redis: commands, CPU and log of an event, bytes of an operation, the time of a restart.

Commands are exact, and bytes nearly so; CPU and seconds are those of this machine just now. Less than a minute on one
that does nothing else.
"""

import argparse
import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks.store.events import event_costs
from benchmarks.store.operations import operation_costs
from benchmarks.store.report import Report
from benchmarks.store.restart import restart
from benchmarks.store.servers import versions

BATCHES = (1, 8, 24, 64)  # 64 are the most that travel together
KEPT = 100  # operations whose bytes are counted


async def measured(given: argparse.Namespace) -> Report:
    return Report(
        versions=await versions(given.server),
        events=[
            cost for batch in given.batches for cost in await event_costs(batch, given.lives, given.server, given.fsync)
        ],
        operations=await operation_costs(min(given.lives, KEPT), given.server),
        restart=await restart(given.operations, given.server),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.store", description=__doc__)
    parser.add_argument("--lives", type=int, default=120, help="operations of each case, of 10 events (120)")
    parser.add_argument("--batches", type=int, nargs="+", default=BATCHES, help="events of a batch (1 8 24 64)")
    parser.add_argument("--operations", type=int, default=20_000, help="how many the restarted server has (20000)")
    parser.add_argument("--fsync", choices=("always", "no"), default="always", help="as relay's own server (always)")
    parser.add_argument("--server", type=Path, help="a redis-server or valkey-server; else the one that relay starts")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the figures as JSON, too")
    given = parser.parse_args(arguments)
    report = asyncio.run(measured(given))
    print("\n".join(report.lines()))
    if given.json:
        given.json.write_text(json.dumps(report.document(), indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
