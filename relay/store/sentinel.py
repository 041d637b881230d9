"""A primary that Sentinels name: each new connection asks them first, so a failover changes no setting of ours.

    redis+sentinel://[user:password@]host:26379,host:26379/mymaster[/db]

`rediss+sentinel` is TLS, to the Sentinels as well. User and password are those of Redis; Sentinels that want some have
them as `?sentinel_username=` and `sentinel_password=`. Other options are as in any URL of redis-py.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.sentinel import MasterNotFoundError, Sentinel
from redis.exceptions import NoPermissionError

from relay.store.addresses import Address, split
from relay.store.failover import FailoverPool, Replicas, drop_connections, online

MARK = "+sentinel://"
PORT = 26379
State = dict[str, Any]  # a server's, in a Sentinel's words
ASKING = {"socket_timeout": 2.0, "socket_connect_timeout": 1.0}  # one that is away must not use up the caller's time


class _Sentinels(Sentinel):
    """redis-py's, which says in our words why there is no primary: its own list addresses and objects."""

    _down = False

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)  # type: ignore[no-untyped-call]
        self._asking = asyncio.Lock()

    async def discover_master(self, service_name: str) -> tuple[str, int]:
        # One at a time: redis-py moves the Sentinel that answered to the front of its list, and two that do so at once
        # lose one, whose connection is never closed.
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

    async def views(self, name: str) -> list[tuple[State, list[State]]]:
        """Return the primary and its replicas as each Sentinel that answers has them."""

        async def view(sentinel: Redis) -> tuple[State, list[State]]:
            primaries: Any = await sentinel.sentinel_masters()
            return primaries[name], await sentinel.sentinel_slaves(name)

        answers = await asyncio.gather(*map(view, self.sentinels), return_exceptions=True)
        for answer in answers:
            if isinstance(answer, NoPermissionError):
                raise answer
        return [answer for answer in answers if isinstance(answer, tuple)]

    def _reason(self, name: str, error: str) -> str:
        if self._down:
            return f"the Sentinels say that the primary {name} is down"
        if "AuthenticationError" in error:
            return "the Sentinels want a password, or another one: ?sentinel_password=… at the end of redis.url"
        silent = error.count(" - ")  # one for each that could not be asked
        if silent == len(self.sentinels):
            return f"none of the {silent} Sentinels answers" if silent > 1 else "the Sentinel does not answer"
        return f"the Sentinels that answer watch no primary called {name}"


def connect_by_sentinels(url: str, **options: Any) -> Redis:
    """A client of whichever server the Sentinels call the primary, each time that it connects."""
    hosts, name, settings = parse(url)
    asking = {key.removeprefix("sentinel_"): settings.pop(key) for key in [*settings] if key.startswith("sentinel_")}
    asking |= {key: value for key, value in settings.items() if key.startswith("ssl_")}
    asking |= {**ASKING, "ssl": "connection_class" in settings, "retry": options["retry"]}
    sentinels = _Sentinels(hosts, sentinel_kwargs=asking)
    return Redis.from_pool(FailoverPool.by(sentinels, name, settings, options))


def parse(url: str) -> tuple[list[Address], str, dict[str, Any]]:
    """The Sentinels' addresses, the primary's name, and what is said of connections to it."""
    hosts, path, settings = split(url, MARK, PORT)
    name, _, db = path.partition("/")
    if not name or not hosts:
        raise ValueError("expected redis+sentinel://HOST:26379,HOST:26379/NAME")
    return hosts, name, settings | ({"db": int(db)} if db else {})


async def inspected(redis: Redis, minimum: int, before: Replicas, replication: Mapping[str, Any]) -> tuple[int, str]:
    """Return how many replicas have to confirm, and why that is in doubt. Remove candidates that left.

    A planned failover promotes one replica while the primary still takes writes, which the others go on to confirm. So
    a replica that left is done without only once the Sentinels, asked afterwards, say that no failover is under way.
    One that was seen since the primary was asked stays: it may be the next one that is promoted.
    """
    pool = redis.connection_pool
    if not isinstance(pool, FailoverPool):
        return minimum, ""
    present = online(replication)
    if doubt := await _doubt(redis, pool, present):
        return max(minimum, (pool.candidates | present).total()), doubt
    pool.replication_id = replication.get("master_replid", "")
    pool.candidates = (pool.candidates - (before - present)) | present
    return max(minimum, pool.candidates.total()), ""


async def _doubt(redis: Redis, pool: FailoverPool, present: Replicas) -> str:
    """Return why the primary may be replaced by a server that has not all it has, '' if it cannot."""
    sentinels = pool.sentinel_manager
    if not isinstance(sentinels, _Sentinels):
        return ""
    try:
        views = await sentinels.views(pool.service_name)
    except NoPermissionError:
        return "the Sentinels do not let relay list the replicas: their user lacks +sentinel|slaves"
    if not views:
        return "none of the Sentinels answers, so a failover may be under way"
    if any("failover_in_progress" in primary["flags"] for primary, _ in views):
        return "a failover is under way"
    named = {(primary["ip"], primary["port"]) for primary, _ in views}
    if named != {pool.master_address}:
        if len(named) == 1:  # the old one keeps its connections, and loses what it is still given
            await drop_connections(redis)
        return "the Sentinels do not agree yet which server is the primary"
    if rival := next(filter(None, (_rival(replicas, present) for _, replicas in views)), ""):
        return f"{rival} does not follow the primary yet, and the Sentinels may promote it"
    return ""


def _rival(replicas: Sequence[State], present: Replicas) -> str:
    """Return a server that a Sentinel may prefer to one of those that confirm, '' if there is none.

    It prefers the one with the most data by its last INFO, which may be 10 s old. After a planned failover the old
    primary calls itself one for some seconds, and then counts its own data, which the new one does not have.
    """
    offsets = {f"{row['ip']}:{row['port']}": row["slave-repl-offset"] for row in replicas}
    slowest = min((offset for address, offset in offsets.items() if address in present), default=0)
    for row in replicas:
        address = f"{row['ip']}:{row['port']}"
        if address in present or row["is_sdown"] or row["is_disconnected"] or not row["slave-priority"]:
            continue
        if row["role-reported"] != "slave" or offsets[address] >= slowest:
            return address
    return ""
