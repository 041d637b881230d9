"""Commands that travel together to a Cluster: each to the owner of its slot, a transaction to one owner."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.client import Pipeline
from redis.exceptions import RedisError

from relay.store.slots import NOT_DONE, SlotMoving, slot_of

Command = tuple[Sequence[Any], Mapping[str, Any]]


class Owners(Protocol):
    """The client of a Cluster, as far as it is needed here."""

    connection_pool: ConnectionPool
    response_callbacks: Any

    async def at(self, where: int, act: Callable[[Redis], Awaitable[list[Any]]]) -> list[Any]: ...

    async def execute_command(self, *args: Any, **options: Any) -> Any: ...


class ClusterPipeline(Pipeline):
    """Pipeline with the interface of redis-py's for a single server."""

    def __init__(self, cluster: Owners, *, transaction: bool) -> None:
        super().__init__(cluster.connection_pool, cluster.response_callbacks, transaction, None)
        self._cluster = cluster

    async def execute(self, raise_on_error: bool = True) -> list[Any]:
        commands: list[Command]
        commands, self.command_stack = list(self.command_stack), []
        slots = [slot_of(args) for args, _ in commands]
        if self.is_transaction or self.explicit_transaction:
            return await self._transaction(slots, commands) if commands else []
        by_index: dict[int, Any] = {}
        for where in dict.fromkeys(slots):
            indexes = [index for index, other in enumerate(slots) if other == where]
            by_index |= zip(indexes, await self._at(where, [commands[index] for index in indexes]), strict=True)
        answers = [by_index[index] for index in range(len(commands))]
        if raise_on_error and (fault := next((answer for answer in answers if isinstance(answer, Exception)), None)):
            raise fault
        return answers

    async def _at(self, where: int, commands: Sequence[Command]) -> list[Any]:
        answers = await self._cluster.at(where, lambda node: _sent(node, commands))
        return [
            await self._again(*command) if isinstance(answer, NOT_DONE) else answer
            for answer, command in zip(answers, commands, strict=True)
        ]

    async def _again(self, args: Sequence[Any], options: Mapping[str, Any]) -> Any:
        """Run the commands that were not done one by one, at the node that has the key now."""
        try:
            return await self._cluster.execute_command(*args, **options)
        except RedisError as error:
            return error

    async def _transaction(self, slots: Sequence[int], commands: Sequence[Command]) -> list[Any]:
        if len({*slots}) > 1:
            raise RedisError("a transaction has one slot of the Cluster")
        try:
            return await self._cluster.at(slots[0], lambda node: _sent(node, commands, transaction=True))
        except NOT_DONE:  # one command, so all of them
            raise SlotMoving(slots[0]) from None


async def _sent(node: Redis, commands: Sequence[Command], *, transaction: bool = False) -> list[Any]:
    async with node.pipeline(transaction=transaction) as pipeline:
        for args, options in commands:
            pipeline.execute_command(*args, **options)
        return list(await pipeline.execute(raise_on_error=transaction))
