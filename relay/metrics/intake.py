"""Of what comes in: requests, signatures, bodies, connections."""

from prometheus_client import Counter, Gauge, Histogram

from relay.metrics.counting import Tallied

events = Counter("relay_events", "Requests to a source, by what became of them.", ["source", "outcome"])
signatures_verified = Counter(
    "relay_signatures_verified", "Genuine signatures, by the secret that made them.", ["source", "secret"]
)
signatures_refused = Counter("relay_signatures_refused", "Missing, wrong and too old signatures.", ["source"])
ack_seconds = Tallied(
    Histogram(
        "relay_ack_seconds",
        "From the headers of a request to the 2xx that says that its event is durable.",
        ["source"],
        buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
    )
)

quarantined = Counter(
    "relay_quarantined",
    "Genuine bodies that were set aside: invalid, reach, early, time, or a fault of relay itself.",
    ["source", "reason"],
)
quarantine_bodies = Gauge(
    "relay_quarantine_bodies",
    "Bodies in the quarantine: those that relay itself failed on (fault), and the others (other).",
    ["kind"],
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
body_bytes = Gauge("relay_body_bytes", "Bytes of bodies being received or handled, as of the last second.")
bodies_refused = Counter(
    "relay_bodies_refused",
    "Bodies that were not taken: too large, too slow, no memory, or unsigned by their headers and therefore unread.",
    ["reason"],
)
certificate_ends = Gauge(
    "relay_tls_certificate_expiry_timestamp_seconds", "When the certificate of a listener ends.", ["listener"]
)
