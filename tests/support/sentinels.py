"""A primary, its replicas and three Sentinels that watch them, as real processes on free ports of loopback."""

import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, TypeVar

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from tests.support.ports import free_ports
from tests.support.redis_server import RedisServer
from tests.support.waiting import until

NAME = "mymaster"
ServerT = TypeVar("ServerT", bound=RedisServer)
DOWN_AFTER, FAILOVER_TIMEOUT = 1_000, 2_000  # ms
AGAIN = 2 * FAILOVER_TIMEOUT / 1000  # seconds after which a Sentinel that has promoted nobody is asked again
# What else they wait for; their own values would make each failover of a test take ten times as long.
QUICKLY = {"info-period": 500, "publish-period": 200}


class SentinelServer(RedisServer):
    """One Sentinel: the same binary, with a file that it may write to."""

    def __init__(self, port: int, primary: int, *, quorum: int = 2, more: str = "", binary: str = "") -> None:
        super().__init__(binary)
        (self.directory / "sentinel.conf").write_text(
            f"port {port}\nbind 127.0.0.1\nunixsocket redis.sock\nunixsocketperm 700\n"
            f"sentinel monitor {NAME} 127.0.0.1 {primary} {quorum}\n"
            f"sentinel down-after-milliseconds {NAME} {DOWN_AFTER}\n"
            f"sentinel failover-timeout {NAME} {FAILOVER_TIMEOUT}\n{more}"
        )
        self.port = port
        self._command = [self._command[0], "sentinel.conf", "--sentinel"]


@dataclass
class Watched:
    """Servers that Sentinels watch. `url` is what an operator writes into `redis.url`."""

    servers: dict[int, RedisServer]  # by port
    sentinels: list[SentinelServer]

    @property
    def url(self) -> str:
        places = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://{places}/{NAME}"

    async def ask(self, *command: Any, number: int = 0) -> Any:
        """Return what one of the Sentinels answers."""
        async with Redis.from_url(self.sentinels[number].url, decode_responses=True) as sentinel:
            return await sentinel.execute_command("SENTINEL", *command)

    async def primary(self) -> int:
        """The port of the server that the Sentinels call the primary."""
        return int((await self.ask("GET-MASTER-ADDR-BY-NAME", NAME))[1])

    async def fail_over(self) -> int:
        """A planned failover, as an operator asks for it; returns the new primary's port once all agree on it."""
        before, asked = await self.primary(), float("-inf")

        async def begun() -> bool:
            """A Sentinel gives up a failover that takes too long, on a busy machine, and has to be asked again.

            Not at once: asked just after it promoted one, it would promote the next, whatever old data that has.
            """
            nonlocal asked
            if await self.primary() == before and time.monotonic() - asked > AGAIN:
                asked = time.monotonic()
                with contextlib.suppress(ResponseError):  # under way, or no replica is fit just now
                    await self.ask("FAILOVER", NAME)
            return await self.primary() != before

        await until(begun)
        return await self.replaced(before)

    async def kill_primary(self) -> int:
        """kill -9 of the primary; returns its port."""
        port = await self.primary()
        self.servers[port].kill()
        return port

    async def join(self, port: int, primary: int) -> None:
        """Start a server as a replica of this one, as a new one is; returns before it has the data."""
        self.servers[port].start()

        async def told() -> bool:
            with contextlib.suppress(RedisError):  # a Sentinel that changes its role ends its connections
                async with Redis.from_url(self.servers[port].url) as redis:
                    await redis.execute_command("REPLICAOF", "127.0.0.1", primary)
                    return True
            return False

        await until(told)

    async def followers(self, port: int) -> set[int]:
        """The ports of the replicas that this server calls online."""
        async with Redis.from_url(self.servers[port].url) as redis:
            replication = await redis.info("replication")
        rows = [row for name, row in replication.items() if name.startswith("slave") and isinstance(row, dict)]
        return {row["port"] for row in rows if row["state"] == "online"}

    async def promoted(self, before: int) -> bool:
        """Return whether another server than this one calls itself a primary, whatever the Sentinels say."""
        others = [server for port, server in self.servers.items() if port != before and server.running]
        for server in others:
            with contextlib.suppress(RedisError):  # promotion ends its connections
                async with Redis.from_url(server.url) as redis:
                    if (await redis.info("replication"))["role"] == "master":
                        return True
        return False

    async def replaced(self, before: int) -> int:
        """The port of the new primary, once every Sentinel names it."""

        async def agreed() -> int | None:
            named = {int((await self.ask("GET-MASTER-ADDR-BY-NAME", NAME, number=number))[1])
                     for number in range(len(self.sentinels))}  # fmt: skip
            return named.pop() if len(named) == 1 and before not in named else None

        found: int = await until(agreed)
        return found

    async def settled(self) -> None:
        """Once every other server follows the primary, and the Sentinels could have it replaced again."""

        async def following() -> bool:
            primary = await self.primary()
            if await self.followers(primary) != self.servers.keys() - {primary}:
                return False
            known = [await self.ask("MASTER", NAME, number=number) for number in range(len(self.sentinels))]
            return all(
                row["flags"] == "master"
                and int(row["num-slaves"]) == len(self.servers) - 1
                and int(row["num-other-sentinels"]) == len(self.sentinels) - 1
                for row in map(_pairs, known)
            )

        await until(following)


def _pairs(answer: Any) -> dict[str, str]:
    return answer if isinstance(answer, dict) else dict(zip(answer[::2], answer[1::2], strict=True))


@contextlib.asynccontextmanager
async def watched(
    replicas: int = 2,
    *,
    quick: bool = True,
    more: str = "",
    password: str = "",
    sentinel_password: str = "",
    **options: str,
) -> AsyncIterator[Watched]:
    """A primary with so many replicas, and three Sentinels; `options` are those of the servers, `more` theirs."""
    primary, *others = free_ports(replicas + 1)
    with contextlib.ExitStack() as stack:
        servers = {}
        for port in (primary, *others):
            following = {} if port == primary else {"replicaof": f"127.0.0.1 {primary}"}
            settings = {"port": str(port), "repl_diskless_sync_delay": "0", **following, **options}
            servers[port] = stack.enter_context(_with(password, RedisServer(**settings)))
        sentinels = [
            stack.enter_context(_with(sentinel_password, SentinelServer(port, primary, more=more)))
            for port in free_ports(3)
        ]
        group = Watched(servers, sentinels)
        for number in range(len(sentinels)) if quick else ():
            await group.ask("DEBUG", *(word for pair in QUICKLY.items() for word in pair), number=number)
        await group.settled()
        yield group
        for server in servers.values():
            with contextlib.suppress(AssertionError):
                server.resume()


def _with(password: str, server: ServerT) -> ServerT:
    """The server, whose own socket is spoken to with this password."""
    if password:
        server.url = server.url.replace("unix://", f"unix://:{password}@")
    return server
