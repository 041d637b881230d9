"""What it takes to decide who hears of an event, with 1 to 10,000 rules."""

import gc
import time
from collections.abc import Callable, Iterable

from relay.channels import CHANNELS
from relay.config import Config, parse_config
from relay.domain.events import PRIORITIES, Event
from relay.policy.matching import Matcher
from relay.policy.routing import Routing
from relay.policy.rules import Rule, decide
from relay.policy.targets import Targets
from tests.support.events import body, event_of

RULES = (1, 10, 100, 1_000, 10_000)
TENANTS = 1_000  # so many kinds of event; of 10,000 rules ten are each one's
TEAMS = 100
ROUNDS = 5
PATTERNS = ("operation.*", "operation.failed", "*.failed")
HEADINGS = ("rules", "reached", "seen before: µs", "new: µs", "of that the rules: µs", "with reasons: µs", "made: ms")


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
    """One for each tenant, so each is another kind."""
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
    made, new, seen, matched = [], [], [], []
    for _ in range(ROUNDS):
        started = time.process_time()
        routing = Routing(config, CHANNELS)
        made.append((time.process_time() - started) * 1e3)
        matcher = Matcher(config.rules)
        new.append(cpu(routing.of, events))
        seen.append(cpu(routing.of, events * 10))
        matched.append(cpu(matcher.reached, events))
    targets = Targets(config, CHANNELS)
    some = events[: max(10_000 // rules, 3)]
    reasons = cpu(lambda event: targets.of(decide(event, config.rules)), some)
    reached = sum(len(routing.of(event)) for event in events) / len(events)
    best = [min(rounds) for rounds in (seen, new, matched)]
    return f"{rules:,}", f"{reached:.3g}", *(f"{one:.2f}" for one in best), f"{reasons:,.0f}", f"{min(made):.1f}"


def main() -> None:
    """Some 20 seconds."""
    events = failures()
    gc.disable()
    print("\n".join("| " + " | ".join(row) + " |" for row in (HEADINGS, ["---"] * len(HEADINGS))))
    for rules in RULES:
        print("| " + " | ".join(map(str, measured(rules, events))) + " |", flush=True)
    gc.enable()
