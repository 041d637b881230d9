"""What a partition's owner commits is what questions find in Redis."""

from typing import Any

from relay.engine.intake import Report
from relay.engine.posted import Arrived
from relay.engine.receipts import Mark
from relay.engine.step import step
from relay.engine.suppressions import Suppress
from relay.engine.take import Take
from relay.store.client import connect
from relay.store.journal.batch import Rules
from relay.store.journal.codec import Codec
from relay.store.journal.partition import PREFIX, Partition
from relay.store.journal.scripts import Scripts
from relay.store.queries.admin import Admin
from relay.store.queries.history import History
from relay.store.queries.operations import Operations
from relay.store.queries.reader import Reader
from relay.store.queries.suppressions import Suppressions
from tests.support import events
from tests.support.memory_store import Configured
from tests.support.redis_server import RedisServer
from tests.support.targets import team
from tests.support.waiting import until


class Store:
    def __init__(self, url: str) -> None:
        self.redis, codec = connect(url), Codec()
        rules = Rules(step, lambda entry, _: entry, codec)
        self.partition = Partition(self.redis, rules, Configured(), process="a", alone=True)
        self.reader = Reader(Scripts(self.redis), codec, PREFIX)

    async def submit(self, entry: Any) -> Any:
        return await self.partition.submit(entry)

    async def aclose(self) -> None:
        await self.partition.aclose()
        await self.redis.aclose()


async def test_all_that_was_committed_is_found(redis_server: RedisServer) -> None:
    store = Store(redis_server.url)
    await store.redis.flushall()
    store.partition.start()
    await until(lambda: store.partition.owns)
    for percentage in (40, 80):
        await store.submit(Report(events.progress(percentage), (team(post_after=0.0, min_interval=0.0),)))
        [sent] = (await store.submit(Take("slack", 5, f"{percentage}"))).deliveries
        assert await store.submit(Mark(sent.id, sent.ticket, sent.lane))
        receipt = Arrived(sent.id, sent.ticket, sent.lane, receipt={"ts": "1.1"}, detail="C1/1.1", new=percentage == 40)
        assert await store.submit(receipt)
    assert await store.submit(Suppress("*", "ann@example.com", "suppressed"))

    [operation] = (await Operations(store).page()).rows
    [ended] = await History(store).of_operation(operation.subject)
    timeline = await Admin(store).timeline(operation.subject)

    assert (operation.percentage, operation.state) == (80, "running")
    assert (ended.outcome, ended.kind, ended.detail, ended.edits) == ("delivered", "live", "C1/1.1", 1)
    assert timeline
    assert [line[1] for line in timeline.log] == ["accepted", "queued", "delivered"] * 2
    assert (await Admin(store).ledger()).imbalance == 0
    assert [entry.address for entry in await Suppressions(store).all()] == ["ann@example.com"]
    await store.aclose()
