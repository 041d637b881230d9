"""Prometheus metrics. Labels are names of the configuration and words of the code, never of a payload.

What each means and what to do is its HELP; `make docs` puts these into docs/metrics.md, under the comments here.
"""

from collections.abc import Iterable, Sequence

from prometheus_client import Counter, Gauge, Histogram


def begin_at_nought(counter: Counter, labels: Iterable[Sequence[str]]) -> None:
    """Show these before anything is counted: of a series that begins with 1 Prometheus sees no increase."""
    for values in labels:
        counter.labels(*values)


# Delivering: attempts, how long each step takes, and what waits.

attempts = Counter(
    "relay_delivery_attempts",
    "Attempts: `delivered`, `failed`, `unknown`, `dead`; `delivery.attempted` in the log has the reason.",
    ["channel", "destination", "outcome"],
)
retries = Counter(
    "relay_delivery_retries",
    "Retries: throttled (`limit`), failing `destination` or `channel`, `unknown` outcome, `error`. If "
    "`limit` grows, send less: `live`, digests, stricter rules.",
    ["channel", "reason"],
)
given_up = Counter(
    "relay_deliveries_given_up", "Dead letters after an attempt; see `relay dead list`.", ["channel", "reason"]
)
latency = Histogram(
    "relay_delivery_latency_seconds",
    "From receipt of an event to delivery, with intended delays.",
    ["channel"],
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14_400, 86_400),
)
compose_seconds = Histogram(
    "relay_compose_seconds",
    "Time to look up and render a message; slow with slow templates.",
    ["channel"],
    buckets=(0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5),
)
send_seconds = Histogram(
    "relay_send_seconds",
    "Time that Slack, the mail server or the platform took.",
    ["channel"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
slack_socket_connected = Gauge(
    "relay_slack_socket_connected",
    "With `interactivity: socket`, open sockets; `/readyz?verbose` says why one is missing.",
)
template_failures = Counter(
    "relay_template_failures",
    "Messages in relay's own wording; `template.failed` in the log names the template.",
    ["channel"],
)

queued = Gauge("relay_queued", "Shared: waiting deliveries, due or not.", ["channel"])
due_age = Gauge(
    "relay_due_age_seconds",
    "Shared: age of the oldest due delivery. If it grows, is a relay with role `all` or `deliver` running?",
    ["channel"],
)
operator_pauses = Gauge("relay_operator_pauses", "Shared: destinations paused by people.")
pauses = Gauge(
    "relay_pauses",
    "Shared: failing channels and addresses (`destination`), limits throttled for long, and addresses "
    "that were `removed` from the configuration while something waits; see `relay status`.",
    ["kind"],
)

# Intake: requests, signatures, bodies, connections.

events = Counter(
    "relay_events",
    "Requests, and each of several runs in one: `accepted`, `duplicate`, `late`, `ignored`, `challenge`; "
    "refused: `unsigned`, `malformed`, `invalid`, `too_large`, `too_slow`, `unsupported`, `rate_limited`, "
    "`unavailable`, `wrong_method`, `unknown_source`, `fault`. See `event.refused` in the log.",
    ["source", "outcome"],
)
signatures_verified = Counter(
    "relay_signatures_verified",
    "Valid signatures by secret; a secret that counts cannot be removed yet.",
    ["source", "secret"],
)
signatures_refused = Counter("relay_signatures_refused", "Missing, wrong and expired signatures.", ["source"])
ack_seconds = Histogram(
    "relay_ack_seconds",
    "From a request's headers to its 2xx; compare `relay_script_seconds` (Redis) and `relay_event_loop_lag_seconds`.",
    ["source"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)

quarantined = Counter(
    "relay_quarantined",
    "Signed bodies in quarantine: `invalid`, not permitted (`reach`), of an unknown operation (`early`), "
    "too old (`time`), `fault`; `relay dead list` has all but the last under `--reason quarantined`.",
    ["source", "reason"],
)
quarantine_bodies = Gauge(
    "relay_quarantine_bodies",
    "Shared: bodies in quarantine, because of a `fault` of relay, or `other`; replay faults after an upgrade.",
    ["kind"],
)
displaced = Counter(
    "relay_quarantine_displaced",
    "Refused bodies that newer ones took the place of: replay or drop in time, and have the source mended.",
    ["source"],
)
format_unknown = Counter("relay_format_unknown", "Documents with a status that no row has.", ["source"])
ids_reused = Counter(
    "relay_ids_reused",
    "New events under a used id, counted by the relay that decides; the sender should use unique ids.",
    ["source"],
)
duplicates_differing = Counter(
    "relay_duplicates_differing",
    "Repeated outcomes with another time or error, counted by the relay that decides; runs of their own "
    "need an execution id, retry number or start time.",
    ["source"],
)
reconciled = Counter("relay_reconciled_events", "Missed events fetched from the platform; check its webhooks.")

connections = Gauge("relay_connections", "Open connections, of 800 (`public`) and 64 (`operators`).", ["listener"])
connections_closed = Counter(
    "relay_connections_closed",
    "Closed: the longest `idle` of too many, a new one while all are busy (`full`), slow `headers`, an "
    "unread `answer`, no `memory`.",
    ["listener", "reason"],
)
request_bytes = Gauge("relay_request_bytes", "Bytes of requests being received or handled.", ["listener"])
bodies_refused = Counter(
    "relay_bodies_refused",
    "Bodies refused: `large`, `slow`, `memory`, `unsigned` (limits).",
    ["reason"],
)

# relay itself: processes, ticks, troubles.

build_info = Gauge("relay_build_info", "1, with the version.", ["version"])
ready = Gauge("relay_ready", "1 if this relay accepts events; else see `/readyz?verbose`.")
resident_memory = Gauge("relay_resident_memory_bytes", "Memory without Redis.")
cpu_seconds = Counter("relay_cpu_seconds", "Processor time without Redis; a rate near 1 is the limit.")
loop_lag = Histogram(
    "relay_event_loop_lag_seconds",
    "Delay of a timer, once a second; high if the processor is busy.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5),
)
unexpected_errors = Counter("relay_unexpected_errors", "Requests that hit a bug; report `request.failed` in the log.")
reloads = Counter("relay_reloads", "Reloads: `taken`, `refused`.", ["outcome"])
acts = Counter("relay_acts", "Acts by first word; see `relay audit`.", ["action"])

troubles = Gauge("relay_troubles", "Shared: open problems that operators were notified of.", ["kind"])
silences = Gauge("relay_silences", "Shared: active silences.")
operators_told = Counter("relay_operators_told", "Queued notices to operators.", ["event"])
heartbeats = Counter("relay_heartbeats", "Heartbeats: `sent`, `failed`, `withheld`.", ["outcome"])

ticks = Counter(
    "relay_ticks",
    "Scheduled work: `watchdog`, `digests`, `reconciliation`, `operators`, `heartbeat`, `records`; `done` "
    "or `failed` (see `tick.failed`).",
    ["tick", "outcome"],
)
left_stalled = Counter("relay_runs_left_stalled", "Stalled runs forgotten after 30 days.")
stalled_runs = Gauge("relay_stalled_runs", "Shared: runs with an open alarm.")

# The store: the ledger, how long Redis takes, and what it can promise.

ledger = Gauge(
    "relay_ledger",
    "Shared: `accepted` = `pending` + `held:…` + `delivered` + `superseded` + `digested` + `dead` + "
    "`dropped`; beside it `received`, `events`, `duplicates`, `late`, `unknown_outcomes`. If `dead` "
    "grows, see `relay dead list`.",
    ["place"],
)
imbalance = Gauge("relay_ledger_imbalance", "Shared: difference between the two sides; report it if not 0.")

script_seconds = Histogram(
    "relay_script_seconds",
    "Duration of a script with fsync and replication: `commit` (all that a batch of events, sends and "
    "acts changes), `append` (an event of a process that does not own the data), `lease`.",
    ["script"],
    buckets=(0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
)
script_failures = Counter(
    "relay_script_failures",
    "Scripts that failed or timed out; a commit is repeated until it is known to be done.",
    ["script"],
)

redis_up = Gauge("relay_redis_up", "1 if Redis works; else see `redis.unavailable` in the log.")
redis_memory = Gauge(
    "relay_redis_memory_bytes", "Shared: memory of all primaries; grows with the queue and `retention`."
)
redis_fullness = Gauge(
    "relay_redis_memory_ratio",
    "Shared: used share of `maxmemory`, 0 without one. From 0.8 on unneeded progress gets 503, from 0.9 "
    "on every event; presses of buttons are taken.",
)
durability = Gauge(
    "relay_durability", "Shared: 1 at what 2xx guarantees: `memory`, `fsync` or `replicated`.", ["promise"]
)
durability_short = Gauge(
    "relay_durability_short",
    "Shared: 1 if the guarantee is not met or weaker than before.",
)
replicas = Gauge("relay_redis_replicas", "Shared: replicas of the primary with the fewest.")
replica_lag = Gauge("relay_redis_replica_lag_bytes", "Shared: lag of the slowest replica.")
aof_bytes = Gauge("relay_redis_aof_bytes", "Shared: size of the append-only files.")
aof_failing = Gauge("relay_redis_aof_failing", "Shared: 1 if the last write or rewrite failed; check the disk.")
fsyncs_delayed = Gauge(
    "relay_redis_fsyncs_delayed",
    "Shared: delayed fsyncs since Redis started, without fsync on each write.",
)
clock_skew = Gauge("relay_clock_skew_seconds", "How far Redis's clock is ahead of relay's; run NTP.")
clock_set_back = Counter("relay_redis_clock_set_back", "Times Redis's clock went back by more than 10 s.")
