"""The slots of a Cluster: which one a command is about, and what its nodes answer while one is moved."""

from collections.abc import Sequence
from typing import Any

from redis.crc import key_slot
from redis.exceptions import AskError, MovedError, RedisError, TryAgainError

from relay.store.keys import PREFIX

NOT_DONE = (MovedError, AskError, TryAgainError)  # what a node answers that has not touched a key
KEYLESS = ("PING", "TIME", "INFO", "CONFIG", "FLUSHALL")  # asked of the node that has relay's own slot
EVALUATING = ("EVAL", "EVALSHA")  # script and number of keys come before the first key


class SlotMoving(RedisError):
    """Nothing was done: a part of what it needs is at another node already."""

    def __init__(self, slot: int) -> None:
        super().__init__(f"slot {slot} is being moved to another node of the Cluster; nothing is done there meanwhile")


def slot(key: str | bytes) -> int:
    return int(key_slot(key if isinstance(key, bytes) else key.encode()))


def word(args: Sequence[Any]) -> str:
    """Return the name of a command."""
    return str(args[0]).partition(" ")[0].upper()


def slot_of(args: Sequence[Any]) -> int:
    """Of a command's first key."""
    name = word(args)
    if name in KEYLESS:
        return slot(PREFIX)
    index = 3 if name in EVALUATING else 1
    if len(args) <= index:
        raise RedisError(f"{name} names no key, so no node of the Cluster")
    key = args[index]
    return slot(key if isinstance(key, bytes) else str(key))
