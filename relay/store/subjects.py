"""Facts of operations by the store's names of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from relay.store.everywhere import Everywhere
from relay.store.partitions import Partition
from relay.store.reading import read_all
from relay.store.records import values_of


async def facts_of(everywhere: Everywhere, operations: set[str]) -> dict[str, Mapping[str, str]]:
    """Return the lasting facts of each of these (`records.PACKED`), as far as known; sealed texts stay sealed."""

    async def ask(partition: Partition) -> dict[str, Mapping[str, str]]:
        here = [name for name in operations if name and everywhere.partitions.of(name) is partition]
        commands = [("HGET", partition.key(f"operation:{name}"), "facts") for name in here]
        packed = await read_all(everywhere.redis, partition.key("operation"), commands)
        return {name: values_of("facts", text) for name, text in zip(here, packed, strict=True)}

    return together(await everywhere.of_each(ask))


def together(parts: Sequence[dict[Any, Any]]) -> dict[Any, Any]:
    """Join the answers of all partitions."""
    return {key: value for part in parts for key, value in part.items()}
