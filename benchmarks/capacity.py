"""What a rate of events needs, from what was measured: processes, nodes, memory and dollars a month.

    python -m benchmarks.capacity [RESULTS] [--rates 100 1000 …]

RESULTS is the results.json of `make bench ARGS="ingest burst growth width"`. This is arithmetic, not a measurement: it
goes far beyond one machine, and what it takes for granted are the constants here. A figure that was not measured is
named, and nothing is printed instead of a guess.
"""

import argparse
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.speed.statistics import middle

RESULTS = Path(__file__).parent / "results" / "results.json"
RATES = (100, 1_000, 10_000, 100_000, 1_000_000)  # events a second, at the busiest time of the day

# Of the load.
PEAK = 4.0  # the busiest time over the mean of a day: memory grows by the mean
EVENTS = 12  # of an operation
RUNNING = 3_600.0  # seconds that it lasts
MESSAGES = 0.05  # messages sent, edits included, for an event
# Of the store, by default settings; bytes from docs/performance.md (python -m benchmarks.store).
DOCUMENTS_DAYS, RETENTION_DAYS = 3.0, 30.0
OVER, FINISHED, IDS = 10_960, 920, 16  # bytes: of an operation that is over, three days later, and of an event's id
ALONE_US = 210.0  # CPU of Redis for an event that is a batch of its own, as it is where there are many nodes
MOST_PARTITIONS = 256
# Of machines. Prices are of the order of what clouds ask on demand, and no offer.
BUSY = 0.6  # share of a core that is used at the busiest time: the rest is for a node that fails, and for bursts
NODE_GB, FILLED = 64, 0.6  # memory of a node of Redis, and how much of it holds data
REPLICAS = 1  # of each node
CORE_HOUR, GB_HOUR, HOURS = 0.035, 0.005, 730.0  # dollars, dollars, hours a month
PROCESS_GB = 0.25


@dataclass(frozen=True, slots=True)
class Measured:
    """CPU in µs, of relay and of Redis, for an event that is heard in one live message, and for a message sent."""

    app: float
    redis: float
    spread_app: float  # as multiples of the above, on the largest Cluster that was measured
    spread_redis: float
    spread_nodes: int
    message_app: float
    message_redis: float
    running: float  # bytes of an operation that runs


@dataclass(frozen=True, slots=True)
class Need:
    rate: int
    processes: int
    nodes: int  # primaries
    limited_by: str
    memory: float  # GB in all primaries
    dollars: float  # a month, replicas included

    @property
    def possible(self) -> bool:
        return self.nodes <= MOST_PARTITIONS


def need(rate: int, measured: Measured) -> Need:
    memory = _memory(rate / PEAK, measured)
    by_memory = math.ceil(memory / (NODE_GB * FILLED))
    nodes = max(1, by_memory)
    while (wanted := math.ceil(rate * _redis(measured, nodes) / 1e6 / BUSY)) > nodes:  # more nodes, smaller batches
        nodes = wanted
    spread = measured.spread_app if nodes > 1 else 1.0
    app = measured.app * spread + measured.message_app * MESSAGES
    processes = max(1, math.ceil(rate * app / 1e6 / BUSY))
    machines = nodes * (1 + REPLICAS) * (2 * CORE_HOUR + min(NODE_GB, _fitting(memory / nodes)) * GB_HOUR)
    dollars = HOURS * (processes * (CORE_HOUR + PROCESS_GB * GB_HOUR) + machines)
    return Need(rate, processes, nodes, "memory" if nodes == by_memory > 1 else "CPU", memory, dollars)


def lines(needs: Sequence[Need]) -> Iterator[str]:
    yield "| events/s at the peak | relay processes | Redis primaries | limited by | data | a month |"
    yield "|---:|---:|---:|---|---:|---:|"
    for each in needs:
        nodes = f"{each.nodes:,}" if each.possible else f"{each.nodes:,} (at most {MOST_PARTITIONS} are possible)"
        yield (
            f"| {each.rate:,} | {each.processes:,} | {nodes} | {each.limited_by} | {each.memory:,.1f} GB "
            f"| ${each.dollars:,.0f} |"
        )


def measured_in(document: Mapping[str, Any]) -> Measured:
    """KeyError names the part or the figure that is missing."""
    parts = {part["name"]: part["rounds"] for part in document["parts"]}

    def figure(part: str, subject: str, name: str) -> float:
        value = middle(parts[part][subject], name) if subject in parts.get(part, {}) else None
        if value is None:
            raise KeyError(f"{part}: {subject}: {name}")
        return value

    alone = "relay, one Redis, 1 partition"
    clusters = [subject for subject in parts.get("width", {}) if "Cluster" in subject]
    largest = max(clusters, key=_nodes, default="relay, Cluster of 3")
    steps = [subject for subject in parts.get("growth", {}) if "step" in subject]
    return Measured(
        app=figure("ingest", "relay, new, heard", "app_us"),
        redis=figure("ingest", "relay, new, heard", "redis_us"),
        spread_app=figure("width", largest, "app_us") / figure("width", alone, "app_us"),
        spread_redis=figure("width", largest, "redis_us") / figure("width", alone, "redis_us"),
        spread_nodes=_nodes(largest),
        message_app=figure("burst", "relay, Slack", "app_us"),
        message_redis=figure("burst", "relay, Slack", "redis_us"),
        running=figure("growth", steps[-1] if steps else "relay, step 1", "bytes"),
    )


def _nodes(subject: str) -> int:
    return int(subject.rpartition(" ")[2])


def _redis(measured: Measured, nodes: int) -> float:
    """µs of all nodes together for an event: the more nodes, the fewer events travel together."""
    event = measured.redis * (measured.spread_redis if nodes > 1 else 1.0)
    if nodes > measured.spread_nodes:
        event = max(event, ALONE_US)
    return event + measured.message_redis * MESSAGES


def _memory(rate: float, measured: Measured) -> float:
    """GB: operations that run, that are over, and that are remembered; and the ids of their events."""
    day, operations = 86_400.0, rate / EVENTS
    running = operations * RUNNING * measured.running
    over = operations * DOCUMENTS_DAYS * day * OVER
    finished = operations * (RETENTION_DAYS - DOCUMENTS_DAYS) * day * FINISHED
    return (running + over + finished + rate * RETENTION_DAYS * day * IDS) / 1e9


def _fitting(gigabytes: float) -> float:
    """The memory of a machine for so much data: a power of two, 2 GB at least."""
    return float(2 ** max(1, math.ceil(math.log2(max(gigabytes / FILLED, 1e-9)))))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.capacity", description=__doc__)
    parser.add_argument("results", type=Path, nargs="?", default=RESULTS)
    parser.add_argument("--rates", type=int, nargs="+", default=RATES, help="events a second at the busiest time")
    given = parser.parse_args(arguments)
    try:
        measured = measured_in(json.loads(given.results.read_text("utf-8")))
    except OSError as error:
        parser.error(f'{error}; make bench ARGS="ingest burst growth width" writes it')
    except KeyError as error:
        parser.error(f"not measured: {error.args[0]}")
    print("\n".join(lines([need(rate, measured) for rate in given.rates])))


if __name__ == "__main__":
    main()
