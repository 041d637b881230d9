"""The primaries of a Cluster's slots, as one of its nodes last said."""

import asyncio
import random
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError
from redis.exceptions import ConnectionError as Disconnected

from relay.store.addresses import Address, spelt

PATIENCE = 2.0  # seconds that a node is waited for: the next one knows as much


@dataclass(frozen=True, slots=True)
class Topology:
    """The slots, in order: where each stretch begins and ends, and the address of its primary."""

    ranges: Sequence[tuple[int, int, Address]] = ()

    @property
    def primaries(self) -> list[Address]:
        """Return the primaries that have slots."""
        return [*dict.fromkeys(address for _, _, address in self.ranges)]

    def owner(self, slot: int) -> Address | None:
        index = bisect_right(self.ranges, slot, key=lambda row: row[0]) - 1
        return self.ranges[index][2] if index >= 0 and slot <= self.ranges[index][1] else None


class Survey:
    """Asks the nodes of a Cluster, one after the other, until one answers."""

    def __init__(self, hosts: Sequence[Address], client: Callable[[Address], Redis]) -> None:
        """`hosts` are those of the URL: they are asked again when no other is left."""
        self._hosts = hosts
        self._client = client
        self._first: Address | None = None
        self._last: Address | None = None

    def prefer(self, address: Address) -> None:
        """Ask this one first: another node said that a slot is there now."""
        self._first = address

    def suspect(self, address: Address) -> None:
        """Ask this one last: it does not answer, or not well."""
        self._last = address

    async def ask(self, primaries: Iterable[Address]) -> Topology:
        failure: Exception | None = None
        order = self._order(primaries)
        self._first = None
        for address in order:
            try:
                async with asyncio.timeout(PATIENCE):
                    answer = await self._client(address).execute_command("CLUSTER SLOTS")  # type: ignore[no-untyped-call]
            except (AuthenticationError, ResponseError) as error:
                if "cluster support disabled" in str(error):
                    fault = f"{spelt(address)} is no node of a Cluster; for one server write redis://{spelt(address)}/0"
                    raise RedisError(fault) from None
                failure = error
            except (RedisError, OSError, TimeoutError) as error:
                failure = failure or error
            else:
                if topology := _read(answer, address):
                    self._last = None
                    return topology
        if isinstance(failure, NoPermissionError):
            raise RedisError(f"the user lacks +cluster|slots: {failure}")
        if isinstance(failure, (AuthenticationError, ResponseError)):
            raise failure
        if failure:
            reason = str(failure) or f"no answer within {PATIENCE:g} s"
            raise Disconnected(f"none of the {len(order)} known nodes of the Cluster answers: {reason}")
        raise Disconnected("no node of the Cluster has any slots")

    def _order(self, primaries: Iterable[Address]) -> list[Address]:
        others = [*primaries]
        random.shuffle(others)  # one that is behind the others must not be the one that is asked each time
        first, last = ([address] if address else [] for address in (self._first, self._last))
        order = dict.fromkeys([*first, *others, *self._hosts])
        return [*(address for address in order if address not in last), *last]


def _read(answer: Sequence[Sequence[Any]], address: Address) -> Topology | None:
    """None for a node that knows of no slots: it has left the Cluster, or never joined."""
    rows = []
    for first, last, (host, port, *_), *_ in answer:
        name = host.decode() if isinstance(host, bytes) else host
        rows.append((int(first), int(last), (name if name not in (None, "", "?") else address[0], int(port))))
    return Topology(sorted(rows)) if rows else None
