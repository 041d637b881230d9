"""A Redis or Valkey Cluster: each command and each script goes to the primary that has its slot.

    redis+cluster://[user:password@]host:6379,host:6379[?options]

At each primary relay is the client that it is of a single server: as patient, and without retries. redis-py's own of
Clusters is not: where one call fails it ends the connections of all, it sends ASKING by another connection than the
command that this is for, fails where all connections are taken, and builds transactions in threads.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from redis.asyncio import Redis
from redis.exceptions import AskError, ClusterDownError, MovedError
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import TimeoutError as TooLate

from relay.store.addresses import Address, split
from relay.store.cluster_pipeline import ClusterPipeline
from relay.store.failover import FailoverPool, drop_connections
from relay.store.slots import NOT_DONE, SlotMoving, slot_of
from relay.store.topology import Survey, Topology

MARK = "+cluster://"
PORT = 6379
MOVING = 2.0  # seconds that a script waits for a slot that is being moved key by key
PAUSES = (0.02, 0.32)  # the first between two tries, and the longest: each is twice the one before
LOST = (Disconnected, TooLate, OSError, TimeoutError)
Result = TypeVar("Result")
Act = Callable[[Redis], Awaitable[Result]]


class Cluster(Redis):
    """May be used as the client of a single server, as long as each command names its key first."""

    def __init__(self, hosts: Sequence[Address], options: dict[str, Any]) -> None:
        self._options = options
        self._nodes: dict[Address, Redis] = {}
        self._survey = Survey(hosts, self._node)
        self._topology = Topology()
        self._stale = True
        self._looking: asyncio.Task[None] | None = None
        super().__init__(connection_pool=self._node(hosts[0]).connection_pool)

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        where = slot_of(args)
        try:
            return await self.at(where, lambda node: node.execute_command(*args, **options))  # type: ignore[no-untyped-call]
        except AskError as error:  # a key that is there already, or one that is nowhere yet
            return await self._ask(error, args, options)
        except NOT_DONE:
            raise SlotMoving(where) from None

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> ClusterPipeline:  # noqa: ARG002 - redis-py's
        return ClusterPipeline(self, transaction=transaction)

    async def aclose(self, close_connection_pool: bool | None = None) -> None:  # noqa: ARG002 - redis-py's
        if self._looking:
            self._looking.cancel()
        for node in [*self._nodes.values()]:
            await node.aclose()

    async def owner(self, where: int) -> Redis:
        """The primary that has this slot, as far as is known."""
        for _ in range(2):  # once more if something was noticed while others asked
            if self._stale:
                await self._look()
        address = self._topology.owner(where)
        if address is None:
            self._stale = True
            raise Disconnected(f"no node of the Cluster has slot {where}")
        return self._node(address)

    async def at(self, where: int, act: Act[Result]) -> Result:
        """Do it at the slot's owner; once more where that says that another one has the slot now."""
        try:
            return await self._try(where, act)
        except MovedError as error:
            self._survey.prefer((error.host, error.port))
            self._stale = True
        return await self._try(where, act)

    async def whole(self, where: int, act: Act[Result]) -> Result:
        """Do it where all keys of the slot are; wait a little while they are on their way from one node to another."""
        clock = asyncio.get_running_loop().time
        until = clock() + MOVING
        pause, longest = PAUSES
        while True:
            try:
                return await self.at(where, act)
            except NOT_DONE:  # MOVED, too: for a moment the two nodes do not agree that the move is done
                self._stale = True
                if clock() >= until:
                    raise SlotMoving(where) from None
            await asyncio.sleep(pause)
            pause = min(2 * pause, longest)

    async def _try(self, where: int, act: Act[Result]) -> Result:
        node = await self.owner(where)
        settings = node.connection_pool.connection_kwargs
        try:
            return await act(node)
        except (MovedError, AskError) as error:
            error.host = error.host or settings["host"]  # to the same host, where the nodes do not know their names
            raise
        except LOST:  # unknown whether it was done; another try asks the node that has the slot then
            self._survey.suspect((settings["host"], settings["port"]))
            self._stale = True
            raise
        except ClusterDownError as error:
            self._stale = True
            raise Disconnected(f"the Cluster does not serve slot {where} now: {error}") from None

    async def _ask(self, error: AskError, args: Sequence[Any], options: dict[str, Any]) -> Any:
        # Together by one connection: the permission is for the next command there, by any caller.
        async with self._node((error.host, error.port)).pipeline(transaction=False) as pipeline:
            pipeline.execute_command("ASKING")
            pipeline.execute_command(*args, **options)
            try:
                _, answer = await pipeline.execute()
            except NOT_DONE:
                raise SlotMoving(error.slot_id) from None
        return answer

    def _node(self, address: Address) -> Redis:
        if address not in self._nodes:
            host, port = address
            self._nodes[address] = Redis.from_pool(FailoverPool(host=host, port=port, **self._options))
        return self._nodes[address]

    async def _look(self) -> None:
        """Ask who has which slot, once for all who want to know."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._update())
            self._looking.add_done_callback(lambda task: task.cancelled() or task.exception())
        await asyncio.shield(self._looking)  # a caller that gives up must not end it for the others

    async def _update(self) -> None:
        self._stale = False  # before the question: what is noticed after it asks again
        try:
            self._topology = await self._survey.ask(self._topology.primaries)
        except BaseException:
            self._stale = True
            raise
        for address in self._nodes.keys() - {*self._topology.primaries}:
            await drop_connections(self._nodes.pop(address))


def connect_to_cluster(url: str, **options: Any) -> Cluster:
    """A client of whichever servers are primaries; those in the URL are asked which that are."""
    hosts, settings = parse(url)
    return Cluster(hosts, {**settings, **options})


def parse(url: str) -> tuple[list[Address], dict[str, Any]]:
    """Return the nodes to ask for the Cluster's topology, and the options of connections to each."""
    hosts, path, settings = split(url, MARK, PORT)
    if path or not hosts or settings.pop("db", 0):
        raise ValueError("expected redis+cluster://HOST:6379,HOST:6379; a Cluster has one database")
    return hosts, settings
