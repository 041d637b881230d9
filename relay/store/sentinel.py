"""A primary that Sentinels name: each new connection asks them first, so a failover changes no setting of ours.

    redis+sentinel://[user:password@]host:26379,host:26379/mymaster[/db]

`rediss+sentinel` is TLS, to the Sentinels as well. User and password are those of Redis; Sentinels that want some have
them as `?sentinel_username=` and `sentinel_password=`. What else stands there is as in any URL of redis-py.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.sentinel import (
    MasterNotFoundError,
    Sentinel,
    SentinelConnectionPool,
    SentinelManagedConnection,
    SentinelManagedSSLConnection,
)

from relay.store.addresses import Address, split
from relay.store.succession import Succession, required, successors

MARK = "+sentinel://"
PORT = 26379
ASKING = {"socket_timeout": 2.0, "socket_connect_timeout": 1.0}  # one that is away must not use up the caller's time


class _Sentinels(Sentinel):
    """redis-py's, which says in our words why there is no primary: its own list addresses and objects."""

    _down = False

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)  # type: ignore[no-untyped-call]
        self._asking = asyncio.Lock()

    async def discover_master(self, service_name: str) -> tuple[str, int]:
        # One at a time: redis-py moves the Sentinel that answered to the front of its list, and two that do so at once
        # lose one, whose connection nobody closes.
        async with self._asking:
            self._down = False
            try:
                host, port = await super().discover_master(service_name)
            except MasterNotFoundError as error:
                raise MasterNotFoundError(self._reason(service_name, str(error))) from None
            return host, port

    def check_master_state(self, state: dict[str, Any], service_name: str) -> bool:
        well = bool(super().check_master_state(state, service_name))
        self._down |= not well
        return well

    async def views(self, name: str) -> list[dict[str, Any]]:
        """What each Sentinel that answers says of the primary."""
        questions = (sentinel.sentinel_masters() for sentinel in self.sentinels)
        answers = await asyncio.gather(*questions, return_exceptions=True)
        return [answer[name] for answer in answers if isinstance(answer, dict) and name in answer]

    def _reason(self, name: str, error: str) -> str:
        if self._down:
            return f"the Sentinels say that the primary {name} is down"
        if "AuthenticationError" in error:
            return "the Sentinels want a password, or another one: ?sentinel_password=… at the end of redis.url"
        silent = error.count(" - ")  # one for each that could not be asked
        if silent == len(self.sentinels):
            return f"none of the {silent} Sentinels answers" if silent > 1 else "the Sentinel does not answer"
        return f"the Sentinels that answer watch no primary called {name}"


class _Pool(SentinelConnectionPool, Succession):
    """Asks the Sentinels for each new connection."""

    async def get_master_address(self) -> tuple[str, int]:
        before = self.master_address
        address: tuple[str, int] = await super().get_master_address()  # type: ignore[no-untyped-call]
        if before not in (None, address):  # redis-py closes the idle ones; those in use would come back to the pool
            await self.update_active_connections_for_reconnect()
        return address

    async def aclose(self) -> None:
        await super().aclose()
        await self.sentinel_manager.aclose()


def connect_by_sentinels(url: str, **options: Any) -> Redis:
    """A client of whichever server the Sentinels call the primary, each time that it connects."""
    hosts, name, settings = parse(url)
    secure = settings.pop("connection_class", None) is not None
    tls = {"ssl": True} if secure else {}
    asking = {key.removeprefix("sentinel_"): settings.pop(key) for key in [*settings] if key.startswith("sentinel_")}
    asking |= {key: value for key, value in settings.items() if key.startswith("ssl_")} | tls
    sentinels = _Sentinels(hosts, sentinel_kwargs={**asking, **ASKING, "retry": options["retry"]})
    kind = SentinelManagedSSLConnection if secure else SentinelManagedConnection
    pool = _Pool(name, sentinels, connection_class=kind, **settings, **options)  # type: ignore[no-untyped-call]
    return Redis.from_pool(pool)


def parse(url: str) -> tuple[list[Address], str, dict[str, Any]]:
    """The Sentinels' addresses, the primary's name, and what is said of connections to it."""
    hosts, path, settings = split(url, MARK, PORT)
    name, _, db = path.partition("/")
    if not name or not hosts:
        raise ValueError("expected redis+sentinel://HOST:26379,HOST:26379/NAME")
    return hosts, name, settings | ({"db": int(db)} if db else {})


def by_sentinels(redis: Redis) -> bool:
    """Whether Sentinels may replace the server that this client talks to, at any moment."""
    return isinstance(redis.connection_pool, _Pool)


async def inspected(redis: Redis, replicas: int, replication: Mapping[str, Any]) -> tuple[int, str]:
    """As `required`, without the replicas that left, and why that number is in doubt.

    A planned failover promotes one replica while the primary still takes writes, which the others go on to confirm. So
    a replica that left is done without only once the Sentinels, asked afterwards, say that no failover is under way.
    """
    pool = redis.connection_pool
    doubt = await _doubt(pool) if isinstance(pool, _Pool) else ""
    if isinstance(pool, Succession) and not doubt:
        pool.required = successors(replication)
    return required(redis, replicas, replication), doubt


async def _doubt(pool: _Pool) -> str:
    """Why the primary may be replaced just now, '' if it is not."""
    states = await pool.sentinel_manager.views(pool.service_name)
    if not states:
        return "none of the Sentinels answers, so a failover may be under way"
    if any("failover_in_progress" in state["flags"] for state in states):
        return "a failover is under way"
    if {(state["ip"], state["port"]) for state in states} != {pool.master_address}:
        return "the Sentinels do not agree yet which server is the primary"
    return ""
