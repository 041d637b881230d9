"""What servers say of themselves, put together: sums, and the worst of them."""

from typing import Any

from relay.store import Store
from relay.store.server_signs import Signs, signs_of

FIRST: dict[str, Any] = {
    "run_id": "a", "used_memory": 600, "maxmemory": 1000, "mem_not_counted_for_evict": 100, "connected_slaves": 2,
    "master_repl_offset": 500, "slave0": {"state": "online", "offset": 480},
    "slave1": {"state": "online", "offset": 90}, "slave2": {"state": "wait_bgsave", "offset": 0},
    "slave_repl_offset": 7, "aof_current_size": 40,
    "aof_last_write_status": "ok", "aof_last_bgrewrite_status": "ok", "aof_delayed_fsync": 3,
}  # fmt: skip
SECOND: dict[str, Any] = {"run_id": "b", "used_memory": 50, "aof_last_write_status": "err"}


def test_of_several_servers_the_worst_counts() -> None:
    assert signs_of([FIRST, SECOND]) == Signs(0.5, 650, 0, 410, 40, aof_failing=True, fsyncs_delayed=3)


async def test_a_real_server_says_all_of_it(store: Store) -> None:
    signs = await store.signs()

    assert signs.memory > 500_000
    assert (signs.fullness, signs.replicas, signs.lag, signs.aof_failing) == (0.0, 0, 0, False)
