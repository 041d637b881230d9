"""A process that reports one event after the other: of each that is acknowledged it writes down the operation.

python -m tests.store.owning URL DURABILITY
"""

import asyncio
import sys
from itertools import count
from typing import Any

from relay.errors import StoreUnavailable
from relay.store import Store
from tests.support import events
from tests.support.targets import room

PACE = 0.01  # seconds between two events


async def report(url: str, durability: Any) -> None:
    store = Store.open(url, process="reporting")
    await store.prepare(durability)
    for name in (f"reported-{number}" for number in count()):
        while True:
            try:
                await store.report(events.completed(operationId=name), [room()])
                break
            except StoreUnavailable:
                await asyncio.sleep(PACE)
        sys.stdout.write(f"{name}\n")
        sys.stdout.flush()
        await asyncio.sleep(PACE)


if __name__ == "__main__":
    asyncio.run(report(*sys.argv[1:]))
