"""The parts of the store, each of which is one step for its scripts: one, or several on the nodes of a Cluster."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

from relay.store import keys
from relay.store.client import Scripts

MOST = 256


class Partition:
    """One of them. Every call may be repeated; every failure is StoreUnavailable."""

    def __init__(self, scripts: Scripts, number: int, partitions: int) -> None:
        self.number = number
        self.prefix = keys.prefix(number, partitions)
        self._scripts = scripts

    def key(self, name: str) -> str:
        return self.prefix + name

    async def run(self, script: str, args: Sequence[str | bytes | int], replicas: int = 0) -> Any:
        """The script's answer (`Scripts.run`)."""
        return await self._scripts.run(script, args, replicas, prefix=self.prefix)


class Partitions(Sequence[Partition]):
    """All of them; the first also has what the others need not have."""

    def __init__(self, scripts: Scripts, number: int) -> None:
        if not 1 <= number <= MOST:
            raise ValueError(f"{number} partitions; there can be 1 to {MOST}")
        self._all = [Partition(scripts, index, number) for index in range(number)]

    def __getitem__(self, index: Any) -> Any:
        return self._all[index]

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Partition]:
        return iter(self._all)

    def of(self, name: str) -> Partition:
        """Where an operation, a lane, a delivery or a bundle of this name lives."""
        return self._all[keys.partition(name, len(self._all))]

    async def run(self, script: str, args: Sequence[str | bytes | int]) -> list[Any]:
        """What each of them answers."""
        return await asyncio.gather(*(partition.run(script, args) for partition in self._all))
