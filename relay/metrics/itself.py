"""Of relay itself: its processes, what ticks in them, and what is wrong with it."""

from prometheus_client import Counter, Gauge, Histogram

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
