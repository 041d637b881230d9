"""A Cluster of real servers on free ports of loopback: three primaries with a replica each.

It is put together by plain commands. Slots are moved key by key, as `redis-cli --cluster reshard` does it, or in one go
where the server can.
"""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Self

from redis.asyncio import Redis
from redis.crc import key_slot
from redis.exceptions import ResponseError

from tests.support.ports import free_ports
from tests.support.redis_server import RedisServer
from tests.support.waiting import until

SLOTS = 16_384
NODE_TIMEOUT = 1_000  # ms
OPTIONS = {
    "bind": "127.0.0.1",
    "cluster_enabled": "yes",
    "cluster_node_timeout": str(NODE_TIMEOUT),
    "cluster_require_full_coverage": "no",
    "cluster_allow_replica_migration": "no",  # a test says itself who follows whom
    "enable_debug_command": "local",
    "repl_diskless_sync_delay": "0",
}
SLOT = key_slot(b"{relay}:ledger")  # where relay's data is


class ClusterServer(RedisServer):
    """One node. `ask` speaks to it as an administrator does; its id and its ports stay over a restart."""

    def __init__(self, port: int, bus: int, *, password: str = "", **options: str) -> None:
        secured = {"requirepass": password, "masterauth": password} if password else {}
        super().__init__(port=str(port), cluster_port=str(bus), **OPTIONS | secured | options)
        self.port, self.bus, self.password = port, bus, password
        self.id = ""
        if password:
            self.url = self.url.replace("unix://", f"unix://:{password}@")

    async def ask(self, *command: Any) -> Any:
        async with Redis.from_url(self.url, decode_responses=True) as redis:
            return await redis.execute_command(*command)

    async def info(self, section: str) -> dict[str, Any]:
        async with Redis.from_url(self.url) as redis:
            found: dict[str, Any] = await redis.info(section)
            return found


@dataclass
class Clustered:
    """The nodes, by port. `url` is what an operator writes into `redis.url`."""

    nodes: dict[int, ClusterServer]
    primaries: int
    options: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, primaries: int = 3, replicas: int = 1, **options: str) -> Self:
        """So many primaries, with so many replicas each; nothing runs yet."""
        ports = free_ports(2 * primaries * (1 + replicas))
        nodes = {port: ClusterServer(port, bus, **options) for port, bus in zip(ports[::2], ports[1::2], strict=True)}
        return cls(nodes, primaries, options)

    async def start(self) -> None:
        nodes = [*self.nodes.values()]
        for number, node in enumerate(nodes):
            node.start()
            node.id = await node.ask("CLUSTER", "MYID")
            await node.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for number, node in enumerate(nodes[: self.primaries]):
            first, last = (SLOTS * part // self.primaries for part in (number, number + 1))
            await node.ask("CLUSTER", "ADDSLOTSRANGE", first, last - 1)
        for number, node in enumerate(nodes):
            for other in nodes[:number]:
                await node.ask("CLUSTER", "MEET", "127.0.0.1", other.port, other.bus)
        await self.met()
        for number, node in enumerate(nodes[self.primaries :]):
            await self.follow(node, nodes[number % self.primaries])
        await until(self._agreed)

    def stop(self) -> None:
        for node in self.running:
            node.kill()

    @property
    def url(self) -> str:
        password = self.options.get("password")
        return f"redis+cluster://{f':{password}@' if password else ''}" + ",".join(
            f"127.0.0.1:{port}" for port in self.nodes
        )

    @property
    def ports(self) -> list[int]:
        return [*self.nodes]

    @property
    def running(self) -> list[ClusterServer]:
        return [node for node in self.nodes.values() if node.running]

    async def owner(self) -> ClusterServer:
        """The primary that has relay's slot, as all that run agree."""
        return self.nodes[await until(self._agreed)]

    async def _agreed(self) -> int | None:
        named = [_owner(await node.ask("CLUSTER", "SLOTS")) for node in self.running]
        return named[0] if len(set(named)) == 1 else None

    async def replicas(self, primary: ClusterServer) -> list[ClusterServer]:
        ids = {row.split()[0] for row in await primary.ask("CLUSTER", "REPLICAS", primary.id)}
        return [node for node in self.running if node.id in ids]

    async def another(self) -> ClusterServer:
        """A primary that has not the slot."""
        owner = await self.owner()
        for node in self.running:
            if node is not owner and (await node.info("replication"))["role"] == "master":
                return node
        raise AssertionError("there is no other primary")

    async def begin_move(self, target: ClusterServer) -> ClusterServer:
        """Open the slot at both sides; returns the source."""
        source = await self.owner()
        await target.ask("CLUSTER", "SETSLOT", SLOT, "IMPORTING", source.id)
        await source.ask("CLUSTER", "SETSLOT", SLOT, "MIGRATING", target.id)
        return source

    async def move_keys(self, source: ClusterServer, target: ClusterServer, *, but: str = "") -> int:
        """Move all keys `but` one, a few at a time; how many that were."""
        auth = ["AUTH", target.password] if target.password else []
        moved = 0
        while keys := [key for key in await source.ask("CLUSTER", "GETKEYSINSLOT", SLOT, 11) if key != but]:
            await source.ask("MIGRATE", "127.0.0.1", target.port, "", 0, 5_000, *auth, "KEYS", *keys)
            moved += len(keys)
        return moved

    async def end_move(self, source: ClusterServer, target: ClusterServer) -> None:
        for node in (target, source):
            await node.ask("CLUSTER", "SETSLOT", SLOT, "NODE", target.id)
        assert await self.owner() is target

    async def move(self, target: ClusterServer) -> None:
        """Key by key."""
        source = await self.begin_move(target)
        await self.move_keys(source, target)
        await self.end_move(source, target)

    async def move_at_once(self, target: ClusterServer) -> None:
        """In one step, as Valkey 9 does it."""
        source = await self.owner()
        await source.ask("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", SLOT, SLOT, "NODE", target.id)

        async def done() -> bool:
            return await self.owner() is target

        await until(done)

    async def add(self, *, follows: ClusterServer | None = None) -> ClusterServer:
        """A new node: a replica, or a primary without slots."""
        node = ClusterServer(*free_ports(2), **self.options)
        node.start()
        node.id = await node.ask("CLUSTER", "MYID")
        known = self.running
        self.nodes[node.port] = node
        for other in known:
            await node.ask("CLUSTER", "MEET", "127.0.0.1", other.port, other.bus)
        await self.met()
        if follows:
            await self.follow(node, follows)
        return node

    async def follow(self, node: ClusterServer, primary: ClusterServer) -> None:
        await node.ask("CLUSTER", "REPLICATE", primary.id)

        async def online() -> bool:
            return bool((await node.info("replication"))["master_link_status"] == "up")

        await until(online)

    async def met(self) -> None:
        """Once all that run know each other by their ids, and call the Cluster well."""
        ids = {node.id for node in self.running}

        async def all_know() -> bool:
            for node in self.running:
                rows = [row.split() for row in (await node.ask("CLUSTER", "NODES")).splitlines()]
                known = {id_ for id_, _, flags, *_ in rows if not {"handshake", "noaddr"} & {*flags.split(",")}}
                if not ids <= known or "cluster_state:ok" not in str(await node.ask("CLUSTER", "INFO")):
                    return False
            return True

        await until(all_know)

    async def fail_over(self) -> None:
        """A planned failover of the slot's primary, as an operator asks for it."""
        primary = await self.owner()
        (replica, *_) = await self.replicas(primary)

        async def over() -> bool:
            """A replica gives up one that takes too long, on a busy machine, and has to be asked again."""
            if await self.owner() is primary:
                with contextlib.suppress(ResponseError):  # under way
                    await replica.ask("CLUSTER", "FAILOVER")
            return await self.owner() is not primary

        await until(over)

    async def settled(self) -> None:
        """Once all that run know each other, and each primary has a replica that could take over."""

        async def covered() -> bool:
            replications = [await node.info("replication") for node in self.running]
            waiting = [row for row in replications if row["role"] == "slave" and row["master_link_status"] != "up"]
            alone = [row for row in replications if row["role"] == "master" and not row["connected_slaves"]]
            return not waiting and not alone

        await self.met()
        await until(covered)

    async def replaced(self, before: ClusterServer) -> ClusterServer:
        """The new owner of the slot, once all agree that it is another."""

        async def found() -> ClusterServer | None:
            owner = await self.owner()
            return owner if owner is not before else None

        node: ClusterServer = await until(found)
        return node


def _owner(ranges: list[Any]) -> int | None:
    """The port of the primary that has the slot."""
    return next((int(primary[1]) for first, last, primary, *_ in ranges if first <= SLOT <= last), None)


@contextlib.asynccontextmanager
async def clustered(primaries: int = 3, replicas: int = 1, **options: str) -> AsyncIterator[Clustered]:
    group = Clustered.of(primaries, replicas, **options)
    try:
        await group.start()
        yield group
    finally:
        group.stop()
