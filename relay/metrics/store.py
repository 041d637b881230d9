"""Of the store: where everything is, how long Redis takes, and what it can promise."""

from prometheus_client import Counter, Gauge, Histogram

ledger = Gauge("relay_ledger", "Where everything accepted is now.", ["place"])
imbalance = Gauge("relay_ledger_imbalance", "What the ledger does not account for; 0.")

script_seconds = Histogram(
    "relay_script_seconds",
    "From the call of a script of the store to its answer, with fsync and replicas. One call carries many events.",
    ["script"],
    buckets=(0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
)
script_failures = Counter(
    "relay_script_failures", "Calls of a script that Redis refused, or did not answer in time.", ["script"]
)
batch_events = Histogram(
    "relay_accept_batch_events", "Events that were made durable in one step.", buckets=(1, 2, 4, 8, 16, 32, 64)
)

redis_up = Gauge("relay_redis_up", "1 if Redis took what was asked of it at the last look, else 0.")
redis_memory = Gauge("relay_redis_memory_bytes", "Memory that Redis uses, of all primaries.")
redis_fullness = Gauge(
    "relay_redis_memory_ratio",
    "The part of maxmemory that Redis uses, of the fullest primary; 0 where there is no maxmemory.",
)
durability = Gauge("relay_durability", "1 at what a 2xx promises now: memory, fsync or replicated.", ["promise"])
durability_short = Gauge(
    "relay_durability_short",
    "1 while Redis cannot keep what was promised, so that nothing is taken, or promises less than before; else 0.",
)
replicas = Gauge("relay_redis_replicas", "Replicas of the primary that has the fewest.")
replica_lag = Gauge("relay_redis_replica_lag_bytes", "How far the last replica is behind its primary.")
aof_bytes = Gauge("relay_redis_aof_bytes", "Size of the append-only files; 0 where there are none.")
aof_failing = Gauge(
    "relay_redis_aof_failing", "1 if the last write to the append-only file, or its last rewriting, failed; else 0."
)
fsyncs_delayed = Gauge(
    "relay_redis_fsyncs_delayed",
    "How often Redis had to wait for the disk since it started, where it does not fsync each write.",
)
partitions_away = Gauge("relay_partitions_away", "Partitions of the store that take nothing now; 0.")
clock_skew = Gauge("relay_clock_skew_seconds", "How far the clock of Redis is ahead of relay's own.")
clock_set_back = Counter("relay_redis_clock_set_back", "Times that the clock of Redis was set back by over 5 s.")
