"""Of what goes out: attempts, how long each step takes, and what waits."""

from prometheus_client import Counter, Gauge, Histogram

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
    "relay_pauses", "Channels and addresses of destinations that fail, and limits throttled for long.", ["kind"]
)
