"""The three scripts, and reads beside them: where they run, what their errors mean, and when a write is confirmed."""

import time
from collections.abc import Sequence
from functools import cache
from hashlib import sha1
from importlib.resources import files
from typing import Any, Literal, cast

from prometheus_client import Histogram
from redis.asyncio import Redis
from redis.exceptions import NoScriptError, OutOfMemoryError, RedisError, ResponseError

from relay import metrics
from relay.errors import HandlingFailed, StoreUnavailable, WrongType
from relay.store.client import STEPPED_DOWN, call
from relay.store.cluster import at_primary
from relay.store.failover import REPLICA_TIMEOUT, can_fail_over, candidates_of, drop_connections, unconfirmed
from relay.store.wire import Command, WiredPool

Name = Literal["commit", "append", "lease"]
Value = str | bytes | int
SOURCES = files("relay.store.journal") / "scripts"


class Full(StoreUnavailable):
    """Redis is full, and has surely written nothing."""


class BadCommit(HandlingFailed):
    """Redis refuses these very commands, whenever they come, and has written nothing."""


@cache
def source(name: Name, although_full: bool) -> tuple[str, str]:
    """Return the text of a script and its digest. One that runs although Redis is full is another one to Redis."""
    head = "#!lua flags=allow-oom" if although_full else "#!lua"
    text = f"{head}\n{(SOURCES / f'{name}.lua').read_text('utf-8')}"
    return text, sha1(text.encode(), usedforsecurity=False).hexdigest()


@cache
def _seconds(name: Name) -> Histogram:
    return metrics.script_seconds.labels(name)


class Scripts:
    """Runs scripts on the keys of one slot. StoreUnavailable: whether it was done is unknown."""

    def __init__(self, redis: Redis, replicas: int = 0, patience: float = REPLICA_TIMEOUT) -> None:
        """`replicas`: how many have to confirm a write, of those that could take over all, within so many seconds."""
        self._redis, self._patience = redis, patience
        self.replicas = replicas

    async def run(
        self, name: Name, keys: Sequence[str], args: Sequence[Value], *, although_full: bool = False
    ) -> list[Any]:
        """Return the script's answer, once what it wrote is confirmed."""
        text, digest = source(name, although_full)
        rest = (len(keys), *keys, *args)

        async def evaluated() -> list[Any]:
            try:
                return await self._evaluate(("EVALSHA", digest, *rest))
            except NoScriptError:
                return await self._evaluate(("EVAL", text, *rest))

        began = time.perf_counter()
        try:
            return cast("list[Any]", await call(at_primary(self._redis, evaluated)))
        except StoreUnavailable as error:
            metrics.script_failures.labels(name).inc()
            cause = error.__cause__
            if isinstance(cause, OutOfMemoryError):
                raise Full(str(error)) from cause
            if isinstance(cause, ResponseError) and "BADCOMMIT type " in str(cause):
                raise WrongType(*str(cause).rpartition("BADCOMMIT type ")[2].rstrip("',)").split(" ", 2)) from cause
            if isinstance(cause, ResponseError) and "BADCOMMIT" in str(cause):
                raise BadCommit("BadCommit", f"relay/store/journal/scripts/{name}.lua") from cause
            if isinstance(cause, STEPPED_DOWN) or "NOREPLICAS " in str(cause):
                await drop_connections(self._redis)
            raise
        except (TypeError, ValueError) as error:  # half a pair of surrogates in a name, for instance
            raise BadCommit(type(error).__name__, "relay/store/journal/scripts.py") from error
        finally:
            _seconds(name).observe(time.perf_counter() - began)

    async def read(self, commands: Sequence[Command], *, any_type: bool = False) -> list[Any]:
        """Return the answers to these commands, all by one connection.

        `any_type`: that a key holds something else than was asked for is an answer.
        """

        async def ask() -> list[Any]:
            answers = await cast("WiredPool", self._redis.connection_pool).call(*commands)
            for answer in answers:
                if isinstance(answer, RedisError) and not (any_type and str(answer).startswith("WRONGTYPE")):
                    raise answer
            return answers

        try:
            return cast("list[Any]", await call(at_primary(self._redis, ask)))
        except (TypeError, ValueError) as error:
            raise BadCommit(type(error).__name__, "relay/store/journal/scripts.py") from error

    async def _evaluate(self, command: tuple[Value, ...]) -> list[Any]:
        redis = self._redis
        if not self.replicas:
            [answer] = await cast("WiredPool", redis.connection_pool).call(command)
            if isinstance(answer, Exception):
                raise answer
            return cast("list[Any]", answer)
        before = candidates_of(redis)
        # WAIT covers the writes of its own connection only, so both travel in one pipeline on one connection.
        async with redis.pipeline(transaction=False) as pipeline:
            pipeline.execute_command(*command)
            pipeline.wait(max(self.replicas, before.total()), int(self._patience * 1000))
            if can_fail_over(redis):
                pipeline.info("replication")
            answer, *confirmed = await pipeline.execute()
        if reason := unconfirmed(redis, before, self.replicas, *confirmed):
            await drop_connections(redis)  # a primary that was replaced may not know it yet
            raise StoreUnavailable(reason)
        return cast("list[Any]", answer)
