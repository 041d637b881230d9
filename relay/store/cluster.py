"""A Redis or Valkey Cluster: all of relay's keys are in one slot, so its server is whichever primary has that slot.

    redis+cluster://[user:password@]host:6379,host:6379[?options]

The nodes are asked which that is, as Sentinels are elsewhere, and who is told that the slot has moved goes there.
redis-py's own client of Clusters is not for relay: it asks any node for the time, fails where all connections are
taken, and ends those of all where one call fails. Nothing is done while the slot is on its way: no ASK is followed.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from redis.asyncio import BlockingConnectionPool, Redis
from redis.crc import key_slot
from redis.exceptions import (
    AskError,
    AuthenticationError,
    ClusterDownError,
    MovedError,
    NoPermissionError,
    RedisError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import TimeoutError as TooLate

from relay.store.addresses import Address, spelt, split
from relay.store.failover import FailoverPool, Replicas
from relay.store.keys import PREFIX

MARK = "+cluster://"
PORT = 6379
SLOT = int(key_slot(PREFIX.encode()))
PATIENCE = 2.0  # seconds that a node is waited for: the next one knows as much
MOVING = 2.0  # seconds to wait for a slot that is being moved key by key
PAUSES = (0.02, 0.32)  # the first between two tries, and the longest: each is twice the one before
LOST = (Disconnected, TooLate, OSError, TimeoutError)
Result = TypeVar("Result")


class SlotMoving(RedisError):
    """Nothing was done: a part of what it needs is at another node already."""

    def __init__(self) -> None:
        super().__init__(f"slot {SLOT} is being moved to another node of the Cluster; nothing is done there meanwhile")


class _Nodes:
    """Finds the slot's primary, in the place of Sentinels."""

    address: Address | None = None  # its own, as far as is known

    def __init__(self, hosts: Sequence[Address], options: dict[str, Any]) -> None:
        """`hosts` are those of the URL: they are asked again when no other is left."""
        self._hosts, self._options = hosts, options
        self._primaries: Sequence[Address] = ()
        self._suspect: Address | None = None
        self._asking = asyncio.Lock()

    async def discover_master(self, _name: str) -> Address:
        async with self._asking:
            address = self.address or await self._ask()
            self.address = self.address or address  # where a node said meanwhile that the slot is, if one did
            return self.address

    def forget(self) -> None:
        """Ask anew, and last of all the one that was it: it does not answer, or not well."""
        self._suspect, self.address = self.address or self._suspect, None

    def at(self, address: Address) -> Redis:
        host, port = address
        return Redis.from_pool(BlockingConnectionPool(host=host, port=port, **self._options))

    def named(self, error: MovedError) -> Address:
        """Return where this leads: to the same host, where the nodes do not know their names."""
        return _known(error.host, self.address or self._hosts[0]), error.port

    async def aclose(self) -> None:
        """Nothing is kept open."""

    async def _ask(self) -> Address:
        others = random.sample(self._primaries, len(self._primaries))  # one may be behind the others
        order = sorted(dict.fromkeys([*others, *self._hosts]), key=lambda address: address == self._suspect)
        failures: list[Exception] = []
        for address in order:
            try:
                async with asyncio.timeout(PATIENCE), self.at(address) as node:
                    answer = await node.execute_command("CLUSTER SLOTS")  # type: ignore[no-untyped-call]
            except (RedisError, OSError, TimeoutError) as error:
                if "cluster support disabled" in str(error):
                    fault = f"{spelt(address)} is no node of a Cluster; for one server write redis://{spelt(address)}/0"
                    raise RedisError(fault) from None
                failures.append(error)
                continue
            rows = [(range(first, last + 1), _address(node, address)) for first, last, node, *_ in answer]
            self._primaries = [*dict.fromkeys(primary for _, primary in rows)] or self._primaries
            if found := next((primary for slots, primary in rows if SLOT in slots), None):
                return found
        raise _fault(failures, len(order))


class _Pool(FailoverPool):
    async def get_master_address(self) -> Address:
        before = self.master_address
        address = await super().get_master_address()
        if address != before:  # it has replicas of its own
            self.replication_id, self.candidates = "", Replicas()
        return address


class Cluster(Redis):
    """The client of a single server, wherever that is."""

    connection_pool: _Pool

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Do one that goes by `at_primary` already, or needs no key: only where its answer is lost is there more."""
        return await self.whole(lambda: Redis.execute_command(self, *args, **options))  # type: ignore[no-untyped-call]

    def ask_anew(self) -> None:
        """Ask the nodes with the next connection where the slot is: the one that was found is not its primary."""
        self.connection_pool.sentinel_manager.forget()

    async def whole(self, act: Callable[[], Awaitable[Result]]) -> Result:
        """Do what needs all keys of the slot; wait a little while they are on their way from one node to another."""
        nodes: _Nodes = self.connection_pool.sentinel_manager
        clock = asyncio.get_running_loop().time
        until = clock() + MOVING
        pause, longest = PAUSES
        while True:
            try:
                return await act()
            except MovedError as error:  # for a moment the two nodes may not agree on it
                nodes.address = nodes.named(error)
                await self.connection_pool.get_master_address()  # no connection leads to the other one any more
            except (AskError, TryAgainError):
                pass
            except LOST:  # unknown whether it was done
                nodes.forget()
                raise
            except ClusterDownError as error:
                nodes.forget()
                raise Disconnected(f"the Cluster does not serve slot {SLOT} now: {error}") from None
            if clock() >= until:
                raise SlotMoving
            await asyncio.sleep(pause)
            pause = min(2 * pause, longest)


def is_cluster(redis: Redis) -> bool:
    return isinstance(redis, Cluster)


async def at_primary(redis: Redis, act: Callable[[], Awaitable[Result]]) -> Result:
    """Do what goes by a connection of this client's pool."""
    return await redis.whole(act) if isinstance(redis, Cluster) else await act()


def connect_to_cluster(url: str, **options: Any) -> Redis:
    """A client of whichever server has the slot; those in the URL are asked which that is."""
    hosts, settings = parse(url)
    nodes = _Nodes(hosts, {**settings, **options})
    return Cluster.from_pool(_Pool.by(nodes, f"slot {SLOT}", settings, options))


def parse(url: str) -> tuple[list[Address], dict[str, Any]]:
    """Return the nodes to ask for the slot's primary, and the options of connections to each."""
    hosts, path, settings = split(url, MARK, PORT)
    if path or not hosts or settings.pop("db", 0):
        raise ValueError("expected redis+cluster://HOST:6379,HOST:6379; a Cluster has one database")
    return hosts, settings


def _address(node: Sequence[Any], fallback: Address) -> Address:
    name, port = node[:2]
    return _known(name.decode() if isinstance(name, bytes) else name, fallback), int(port)


def _known(host: str | None, otherwise: Address) -> str:
    """Return the name of a node; of one that does not know its own, the host that was spoken to."""
    return otherwise[0] if host in (None, "", "?") else host


def _fault(failures: Sequence[Exception], count: int) -> Exception:
    """Why no node named the primary: what a node said of it before what kept others from saying something."""
    reasons = [error for error in failures if not isinstance(error, LOST) or isinstance(error, AuthenticationError)]
    if reasons and isinstance(reasons[-1], NoPermissionError):
        return RedisError(f"the user lacks +cluster|slots: {reasons[-1]}")
    if reasons or not failures:
        return reasons[-1] if reasons else Disconnected(f"no node of the Cluster has slot {SLOT}")
    reason = str(failures[0]) or f"no answer within {PATIENCE:g} s"
    return Disconnected(f"none of the {count} known nodes of the Cluster answers: {reason}")
