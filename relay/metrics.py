"""What relay counts, for Prometheus. Labels are names of the configuration and words of the code, never of a payload.

With several processes, the program sets PROMETHEUS_MULTIPROC_DIR before this module is imported, and scrapes the
registry that `shared` makes.
"""

from collections.abc import Callable

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector

__all__ = ["CONTENT_TYPE_LATEST", "REGISTRY", "CollectorRegistry", "Prepared", "exposition", "shared"]


class Prepared:
    """Counts under labels that are known, and a last one that each call names: each is looked up once."""

    def __init__(self, counter: Counter, *labels: str) -> None:
        self._counter, self._labels = counter, labels
        self._counts: dict[str, Callable[[], None]] = {}

    def __call__(self, last: str) -> None:
        count = self._counts.get(last)
        if count is None:
            count = self._counts[last] = self._counter.labels(*self._labels, last).inc
        count()


events = Counter("relay_events", "Requests to a source, by what became of them.", ["source", "outcome"])
signatures_verified = Counter(
    "relay_signatures_verified", "Genuine signatures, by the secret that made them.", ["source", "secret"]
)
signatures_refused = Counter("relay_signatures_refused", "Missing, wrong and too old signatures.", ["source"])
unexpected_errors = Counter("relay_unexpected_errors", "Requests that met a fault of relay itself.")

quarantined = Counter(
    "relay_quarantined",
    "Genuine bodies that were set aside: invalid, reach, early, time, or a fault of relay itself.",
    ["source", "reason"],
)
ids_reused = Counter(
    "relay_ids_reused",
    "Events under a delivery id that another event had before; they are told all the same.",
    ["source"],
)

connections = Gauge(
    "relay_connections", "Open connections, as of the last second.", ["listener"], multiprocess_mode="livesum"
)
connections_evicted = Counter(
    "relay_connections_evicted", "Idle connections that were closed to make room for others.", ["listener"]
)
connections_refused = Counter(
    "relay_connections_refused",
    "Connections that found no place: all were busy (full), or too many came from one address (peer).",
    ["listener", "reason"],
)
connections_given_up = Counter(
    "relay_connections_given_up",
    "Connections that were closed because headers did not come, or an answer was not read, in time.",
    ["listener", "awaited"],
)
body_bytes = Gauge(
    "relay_body_bytes", "Bytes of bodies being received or handled, as of the last second.", multiprocess_mode="livesum"
)
bodies_refused = Counter(
    "relay_bodies_refused",
    "Bodies that were not taken: too large, too slow, no memory, or unsigned by their headers and therefore unread.",
    ["reason"],
)

attempts = Counter(
    "relay_delivery_attempts", "Attempts to deliver, by their outcome.", ["channel", "destination", "outcome"]
)
template_failures = Counter("relay_template_failures", "Messages sent in the built-in wording instead.", ["channel"])
certificate_ends = Gauge(
    "relay_tls_certificate_expiry_timestamp_seconds",
    "When the certificate of a listener ends.",
    ["listener"],
    multiprocess_mode="livemostrecent",
)
latency = Histogram(
    "relay_delivery_latency_seconds",
    "From the receipt of an event to its delivery.",
    ["channel"],
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14_400, 86_400),
)

clock_skew = Gauge(
    "relay_clock_skew_seconds",
    "How far the clock of Redis is ahead of relay's own.",
    multiprocess_mode="livemostrecent",
)

clock_set_back = Counter("relay_redis_clock_set_back", "Times that the clock of Redis was set back by over 5 s.")

ledger = Gauge("relay_ledger", "Where everything accepted is now.", ["place"], multiprocess_mode="livemostrecent")
imbalance = Gauge(
    "relay_ledger_imbalance", "What the ledger does not account for; 0.", multiprocess_mode="livemostrecent"
)
partitions_away = Gauge(
    "relay_partitions_away", "Partitions of the store that take nothing now; 0.", multiprocess_mode="livemostrecent"
)
queued = Gauge("relay_queued", "Deliveries that wait, due or not.", ["channel"], multiprocess_mode="livemostrecent")

troubles = Gauge(
    "relay_troubles",
    "What is wrong with relay itself, by kind, as its operators are told; 0.",
    ["kind"],
    multiprocess_mode="livemostrecent",
)
operators_told = Counter("relay_operators_told", "Notices to operators that were queued.", ["event"])
heartbeats = Counter("relay_heartbeats", "Calls of `heartbeat`, by their outcome.", ["outcome"])

ticks = Counter("relay_ticks", "What the scheduler did, by its outcome.", ["tick", "outcome"])
reconciled = Counter("relay_reconciled_events", "News that never arrived here, and that the platform told when asked.")
left_stalled = Counter(
    "relay_runs_left_stalled", "Runs that were forgotten after 30 days with an open alarm, of which nobody was told."
)
stalled_runs = Gauge(
    "relay_stalled_runs", "Runs that the watchdog has an alarm for.", multiprocess_mode="livemostrecent"
)


def exposition(registry: CollectorRegistry = REGISTRY) -> bytes:
    """Everything counted, in the text format of `CONTENT_TYPE_LATEST`."""
    return generate_latest(registry)


def shared(directory: str) -> CollectorRegistry:
    """The counts of all processes that keep theirs in this directory, added up at each scrape."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry, directory)  # type: ignore[no-untyped-call]  # has no annotations
    return registry
