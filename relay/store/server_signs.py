"""Health of a Redis by its INFO: its memory, its disk, its replicas."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Info = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Signs:
    fullness: float  # the part of `maxmemory`
    memory: int
    replicas: int
    lag: int  # bytes that the last replica is behind
    aof_bytes: int
    aof_failing: bool
    fsyncs_delayed: int


def signs_of(info: Info) -> Signs:
    return Signs(
        fullness=fullness_of(info),
        memory=int(info.get("used_memory", 0)),
        replicas=int(info.get("connected_slaves", 0)),
        lag=_lag(info),
        aof_bytes=int(info.get("aof_current_size", 0)),
        aof_failing=any(
            info.get(name, "ok") != "ok" for name in ("aof_last_write_status", "aof_last_bgrewrite_status")
        ),
        fsyncs_delayed=int(info.get("aof_delayed_fsync", 0)),
    )


def fullness_of(memory: Mapping[str, Any]) -> float:
    """Return the used part of a server's `maxmemory` by its INFO; 0 without one."""
    limit = int(memory.get("maxmemory", 0))
    used = int(memory.get("used_memory", 0)) - int(memory.get("mem_not_counted_for_evict", 0))
    return used / limit if limit else 0.0


def _lag(info: Info) -> int:
    """Of replicas that are online: one that is being copied to is no replica yet."""
    head = int(info.get("master_repl_offset", 0))
    attached = (value for name, value in info.items() if name.startswith("slave") and isinstance(value, Mapping))
    offsets = [int(replica.get("offset", head)) for replica in attached if replica.get("state") == "online"]
    return max((head - offset for offset in offsets), default=0)
