"""Operations and addresses that live in different partitions, and a partition that is away for a while."""

from typing import Any

import pytest
from relay.store.partitions import Partition
from relay.store.target_plan import home_of

from relay.errors import StoreUnavailable
from relay.store import Store
from relay.store.keys import operation, partition
from tests.support.records import in_memory
from tests.support.targets import mail, room, team
from tests.support.waiting import until

PARTITIONS = 4


def number(name: str) -> int:
    return partition(name, PARTITIONS)


def apart_from(*homes: str, name: str = "op") -> str:
    """An id of an operation that lives in another partition than these names."""
    ids = (f"{name}-{count}" for count in range(100))
    return next(id_ for id_ in ids if number(operation(id_)) not in map(number, homes))


OP = apart_from(home_of(room()), home_of(team()), home_of(mail()))


def source_of(store: Store, id_: str = OP) -> Partition:
    return store.partitions.of(operation(id_))


async def waiting(store: Store) -> int:
    """Letters that are not applied yet: none where one process decides over everything."""
    if in_memory(store) is not None:
        return 0
    return sum([await store.redis.llen(key) for key in await store.redis.keys("*:letters:*")])


async def carried(store: Store) -> None:
    """Once all letters are applied."""

    async def none_waits() -> bool:
        return not await waiting(store)

    await until(none_waits)


class Away:
    """The node of a partition: it can be away for a while."""

    def __init__(self, partition: Partition, monkeypatch: pytest.MonkeyPatch) -> None:
        self.partition, self._monkeypatch, self._run = partition, monkeypatch, partition.run

    def leave(self) -> None:
        async def away(_script: str, _args: Any, _replicas: int = 0) -> Any:
            raise StoreUnavailable("Redis: its node is away")

        self._monkeypatch.setattr(self.partition, "run", away)

    def come_back(self) -> None:
        self._monkeypatch.setattr(self.partition, "run", self._run)
