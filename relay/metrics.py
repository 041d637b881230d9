"""Prometheus metrics. Labels are names of the configuration and words of the code, never of a payload.

docs/metrics.md says of each what it means and what to do.
"""

from collections.abc import Iterable, Sequence

from prometheus_client import Counter, Gauge, Histogram


def begin_at_nought(counter: Counter, labels: Iterable[Sequence[str]]) -> None:
    """Show these before anything is counted: of a series that begins with 1 Prometheus sees no increase."""
    for values in labels:
        counter.labels(*values)


# Delivering: attempts, how long each step takes, and what waits.

attempts = Counter(
    "relay_delivery_attempts", "Attempts to deliver, by their outcome.", ["channel", "destination", "outcome"]
)
retries = Counter(
    "relay_delivery_retries",
    "Attempts after which a delivery is tried again: it was throttled (limit), its destination or the whole channel "
    "does not work, the outcome is unknown, or this one alone failed (error).",
    ["channel", "reason"],
)
given_up = Counter(
    "relay_deliveries_given_up", "Deliveries that an attempt made a dead letter, by its reason.", ["channel", "reason"]
)
latency = Histogram(
    "relay_delivery_latency_seconds",
    "From the receipt of an event to its delivery.",
    ["channel"],
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14_400, 86_400),
)
compose_seconds = Histogram(
    "relay_compose_seconds",
    "How long it took to make a message: what is looked up for it, and its wording.",
    ["channel"],
    buckets=(0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5),
)
send_seconds = Histogram(
    "relay_send_seconds",
    "How long Slack, the mail server or the platform took for an attempt, whatever came of it.",
    ["channel"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
slack_socket_connected = Gauge(
    "relay_slack_socket_connected",
    "Connections to Slack by which presses of buttons come (interactivity: socket): 1 for each process that receives.",
)
template_failures = Counter("relay_template_failures", "Messages sent in the built-in wording instead.", ["channel"])

queued = Gauge("relay_queued", "Deliveries that wait, due or not.", ["channel"])
due_age = Gauge(
    "relay_due_age_seconds",
    "For how long the oldest delivery is due that nobody has taken; 0 where none is.",
    ["channel"],
)
operator_pauses = Gauge("relay_operator_pauses", "Destinations that people have paused.")
pauses = Gauge(
    "relay_pauses",
    "Channels and addresses that fail or are configured no more, and limits throttled for long.",
    ["kind"],
)

# Intake: requests, signatures, bodies, connections.

events = Counter("relay_events", "Requests to a source, by what became of them.", ["source", "outcome"])
signatures_verified = Counter(
    "relay_signatures_verified", "Genuine signatures, by the secret that made them.", ["source", "secret"]
)
signatures_refused = Counter("relay_signatures_refused", "Missing, wrong and too old signatures.", ["source"])
ack_seconds = Histogram(
    "relay_ack_seconds",
    "From the headers of a request to the 2xx that says that its event is durable.",
    ["source"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)

quarantined = Counter(
    "relay_quarantined",
    "Genuine bodies that were set aside: invalid, reach, early, time, or a fault of relay itself.",
    ["source", "reason"],
)
quarantine_bodies = Gauge(
    "relay_quarantine_bodies",
    "Bodies in the quarantine: relay itself failed on them (fault), cannot read them yet (waiting), or not (other).",
    ["kind"],
)
displaced = Counter(
    "relay_quarantine_displaced",
    "Refused bodies that newer ones took the place of, before anybody replayed or dropped them.",
    ["source"],
)
format_unknown = Counter(
    "relay_format_unknown", "Status words that no row of the source's format has, each time one comes.", ["source"]
)
ids_reused = Counter(
    "relay_ids_reused",
    "Events under a delivery id that another event had before; they are told all the same.",
    ["source"],
)
duplicates_differing = Counter(
    "relay_duplicates_differing",
    "Reports of a known end that state another time or error, though nothing says that they are of another run.",
    ["source"],
)
reconciled = Counter("relay_reconciled_events", "News that never arrived here, and that the platform told when asked.")

connections = Gauge("relay_connections", "Open connections, as of the last second.", ["listener"])
connections_closed = Counter(
    "relay_connections_closed",
    "Connections that were closed: too many (idle, or full: all were busy), too slow (headers, answer), or no memory.",
    ["listener", "reason"],
)
request_bytes = Gauge(
    "relay_request_bytes", "Bytes of requests being received or handled, as of the last second.", ["listener"]
)
bodies_refused = Counter(
    "relay_bodies_refused",
    "Bodies that were not taken: too large, too slow, no memory, or unsigned by their headers and therefore unread.",
    ["reason"],
)
certificate_ends = Gauge(
    "relay_tls_certificate_expiry_timestamp_seconds", "When the certificate of a listener ends.", ["listener"]
)

# relay itself: processes, ticks, troubles.

build_info = Gauge("relay_build_info", "1, with the version that runs.", ["version"])
ready = Gauge("relay_ready", "1 if this relay can take events and make them durable, else 0.")
resident_memory = Gauge("relay_resident_memory_bytes", "Memory of relay's processes, without Redis.")
cpu_seconds = Counter("relay_cpu_seconds", "Processor time of relay's processes, without Redis and template processes.")
loop_lag = Histogram(
    "relay_event_loop_lag_seconds",
    "How much later than asked for relay's loop came to something, measured once a second.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5),
)
unexpected_errors = Counter("relay_unexpected_errors", "Requests that met a fault of relay itself.")
reloads = Counter("relay_reloads", "Reloads of the configuration, by outcome: taken, or refused.", ["outcome"])
acts = Counter("relay_acts", "What people did to relay, as `relay audit` lists it; a reload is one, too.", ["action"])

troubles = Gauge("relay_troubles", "What is wrong with relay itself, by kind, as its operators are told; 0.", ["kind"])
silences = Gauge("relay_silences", "Silences that hold now.")
operators_told = Counter("relay_operators_told", "Notices to operators that were queued.", ["event"])
heartbeats = Counter("relay_heartbeats", "Calls of `heartbeat`, by their outcome.", ["outcome"])

ticks = Counter("relay_ticks", "What the scheduler did, by its outcome.", ["tick", "outcome"])
left_stalled = Counter(
    "relay_runs_left_stalled", "Runs that were forgotten after 30 days with an open alarm, of which nobody was told."
)
stalled_runs = Gauge("relay_stalled_runs", "Runs that the watchdog has an alarm for.")

# The store: the ledger, how long Redis takes, and what it can promise.

ledger = Gauge("relay_ledger", "Where everything accepted is now.", ["place"])
imbalance = Gauge("relay_ledger_imbalance", "What the ledger does not account for; 0.")

script_seconds = Histogram(
    "relay_script_seconds",
    "From the call of a script of the store to its answer, with fsync and replicas. A commit carries many events.",
    ["script"],
    buckets=(0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
)
script_failures = Counter(
    "relay_script_failures", "Calls of a script that Redis refused, or did not answer in time.", ["script"]
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
clock_skew = Gauge("relay_clock_skew_seconds", "How far the clock of Redis is ahead of relay's own.")
clock_set_back = Counter("relay_redis_clock_set_back", "Times that the clock of Redis was set back by over 10 s.")
