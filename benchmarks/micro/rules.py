"""CPU time of finding the targets of an event, with 1 to 10,000 rules."""

import gc
import time
from collections.abc import Callable, Iterable

from relay.channels import CHANNELS
from relay.config import Config, parse_config
from relay.domain.events import PRIORITIES, Event
from relay.policy.rules import Rule
from relay.policy.targets import Targets
from tests.support.events import body, event_of

RULES = (1, 10, 100, 1_000, 10_000)
TENANTS = 1_000  # of 10,000 rules each has ten
TEAMS = 100
ROUNDS = 5
PATTERNS = ("operation.*", "operation.failed", "*.failed")
HEADINGS = ("rules", "reached", "event: µs", "of that the rules: µs", "after a reload: ms")


def configured(rules: int) -> Config:
    """As large operators write it: a rule is for a tenant, and half of them for types and priorities of operations."""
    teams = "\n".join(f'  team-{n}: {{slack: "#team-{n}", mode: {("live", "each")[n % 2]}}}' for n in range(TEAMS))
    config = parse_config(
        f"""
timezone: Europe/Berlin
quiet_hours: {{from: "20:00", to: "07:00"}}
sources: {{async-operations: {{signature: {{secrets: {{current: a-secret-of-enough-length}}}}}}}}
channels: {{slack: {{token: xoxb-2048-abcdef}}}}
destinations:
{teams}
rules: []
""",
        env={},
        channels=CHANNELS,
    )
    return config.model_copy(update={"rules": tuple(rule(number) for number in range(rules))})


def rule(number: int) -> Rule:
    conditions = {
        "tenants": f"tenant-{number % TENANTS}",
        "events": PATTERNS[number % 3],
        "notify": f"team-{(number + number // TENANTS) % TEAMS}",
    }
    more = {"operationTypes": "ProcessMiningAnalysis", "priorities": ["High", "Critical"]}
    return Rule.model_validate({"name": f"rule {number}"} | conditions | (more if number % 2 else {}))


def failures() -> list[Event]:
    """One for each tenant."""
    return [
        event_of(
            body("operation.failed", status="Failed", priority=PRIORITIES[number % 4])
            | {"tenantId": f"tenant-{number}"}
        )
        for number in range(TENANTS)
    ]


def cpu(step: Callable[[Event], object], events: Iterable[Event]) -> float:
    """µs of CPU for an event."""
    events = [*events]
    started = time.process_time()
    for event in events:
        step(event)
    return (time.process_time() - started) * 1e6 / len(events)


def measured(rules: int, events: list[Event]) -> tuple[object, ...]:
    """The best of some rounds: what else the machine does only adds."""
    config = configured(rules)
    gc.collect()
    gc.freeze()
    made, whole, matched = [], [], []
    some = events[: max(100_000 // rules, 30)]
    for _ in range(ROUNDS):
        started = time.process_time()
        targets = Targets(config, CHANNELS)
        made.append((time.process_time() - started) * 1e3)
        whole.append(cpu(targets.of, some))
        matched.append(cpu(targets.matcher.reached, some))
    reached = sum(len(targets.of(event)) for event in some) / len(some)
    return f"{rules:,}", f"{reached:.3g}", f"{min(whole):.1f}", f"{min(matched):.1f}", f"{min(made):.1f}"


def main() -> None:
    """Some 20 seconds."""
    events = failures()
    gc.disable()
    print("\n".join("| " + " | ".join(row) + " |" for row in (HEADINGS, ["---"] * len(HEADINGS))))
    for rules in RULES:
        print("| " + " | ".join(map(str, measured(rules, events))) + " |", flush=True)
    gc.enable()
