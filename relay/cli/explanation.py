"""A decision as facts, and as a page for people."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from rich.text import Text

from relay.cli.formatting import local
from relay.cli.options import visible
from relay.cli.screen import console as screen
from relay.config import Config
from relay.configfile.units import spoken
from relay.domain.deliveries import Gate, Target
from relay.domain.events import Event
from relay.policy.presentation import KNOWN_EVENTS
from relay.policy.recipients import BY, requested_recipients, requested_targets
from relay.policy.rules import decide, targets
from relay.reasons import Held, sentences

BEFOREHAND = {Held.NO_OUTCOME, Held.NOT_MAILED}  # what is sure before the store is asked
MARKS = {True: ("✔", "green"), False: ("✘", "red")}


def explanation_of(event: Event, config: Config, channels: Mapping[str, Any]) -> dict[str, Any]:
    """The event, every rule with its conditions, and the destinations with what may hold them back, as plain data.

    An empty text or None says that the event does not state it.
    """
    decision = decide(event, config.rules)
    resolved = targets(decision, config.destinations, channels, config.channels, config.destination_defaults)
    reached = []
    for destination in decision.reached:
        here = [target for target in resolved if target.destination == destination.destination]
        reached.append({
            "destination": destination.destination, "channel": here[0].channel, "mode": here[0].mode,
            "addresses": [target.address for target in here], "rules": destination.rules,
            "holds": [*holds(event, here[0], config.timezone)],
        })  # fmt: skip
    allowed = config.dynamic_destinations
    more = requested_targets(
        decision, resolved, allowed, destinations=config.destinations, channels=channels, settings=config.channels,
        defaults=config.destination_defaults,
    )  # fmt: skip
    for target in more:
        if target.hold_reason not in ("", *BEFOREHAND):
            continue  # refused: told below
        reached.append({
            "destination": target.destination, "channel": target.channel, "mode": target.mode,
            "addresses": [target.address], "rules": (BY,), "holds": [*holds(event, target, config.timezone)],
        })  # fmt: skip
    rules = [asdict(trace) | {"matches": trace.matches} for trace in decision.traces]
    refused = [
        asdict(recipient) for recipient in requested_recipients(event, allowed, channels, config.channels).refused
    ]
    return {"event": _stated(event), "rules": rules, "destinations": reached, "refused": refused}


def holds(event: Event, target: Target, zone: str) -> Iterator[str]:
    """What may hold a message back at this address, in sentences. What was told there before is not known here."""
    zone = target.zone or zone
    if target.hold_reason:
        yield sentences(Held)[target.hold_reason]
        return
    if target.windows:
        yield f"told together with everything else until {_local(target.windows[0].end, zone)}"
        return
    if target.quiet_window and not target.bypass_quiet_hours:
        yield f"quiet hours: what would be a new message is told together at {_local(target.quiet_window.end, zone)}"
    if event.name == "operation.progress" and target.gates:
        distance = " or ".join(_steps(gate) for gate in target.gates)
        yield f"progress waits until {distance} after the last that was told here; 100 % always passes"
    if target.mode != "live":
        return
    if event.name not in KNOWN_EVENTS:
        yield "no state of the operation: told at once, beside the live message"
        return
    if not target.presentation.new_message:
        yield "its priority is Low: no message is begun for it, only one that stands is kept up to date"
        return
    if event.member_of and not event.about_batch:
        below = "in its thread" if target.batch_reply else "by its edits alone"
        yield f"if batch {event.member_of} has a message here, it is told {below}"
    if event.terminal:
        yield "an outcome: told at once"
    else:
        if target.post_after:
            yield f"the first message waits {spoken(target.post_after)} after the operation's first event"
        if target.min_interval:
            yield f"edits keep {spoken(target.min_interval)} apart; meanwhile a newer state replaces an older one"


def show(explanation: Mapping[str, Any]) -> None:
    """Print it for a person."""
    console = screen(soft_wrap=True)
    event = explanation["event"]
    console.print(_line(("bold", event["event"]), ("", f"from {event['source']}: {_about(event)}")))
    for rule in explanation["rules"]:
        console.print()
        console.print(_line(_mark(rule), ("bold", rule["rule"]), ("", "→ " + ", ".join(rule["notify"]))))
        for condition in rule["conditions"]:
            actual = condition["actual"] or "not stated"
            console.print(_line(("", "   "), _mark(condition), ("", f"{condition['name']:<16}{actual}"),
                                ("dim", f"(wanted: {', '.join(condition['wanted'])})")))  # fmt: skip
    for destination in explanation["destinations"]:
        console.print()
        how = f"{destination['channel']}, {destination['mode']}:"
        addresses = ", ".join(destination["addresses"])
        console.print(_line(("bold", destination["destination"]), ("", how), ("", addresses)))
        console.print(_line(("", "    because of"), ("", ", ".join(destination["rules"]))))
        for hold in destination["holds"]:
            console.print(_line(("yellow", f"    {hold}")))
    for recipient in explanation["refused"]:
        requested = f"{recipient['channel']} {recipient['address']}"
        console.print(
            _line(("yellow", f"\nThe operation asks for {requested}: not told,"), ("yellow", recipient["why"]))
        )
    if not explanation["destinations"]:
        console.print("\nNobody is notified.", style="bold")
    unstated = any(not condition["actual"] for rule in explanation["rules"] for condition in rule["conditions"])
    if unstated and not event["event"].startswith("batch."):
        console.print("\nWhat is not stated, a running relay takes from the operation's earlier events.", style="dim")


def _local(seconds: float, zone: str) -> str:
    return local(datetime.fromtimestamp(seconds, UTC), zone)


def _steps(gate: Gate) -> str:
    """`10 points`, `60s`, or both."""
    points = [f"{gate.increment:g} points"] if gate.increment else []
    return " and ".join([*points, spoken(gate.interval)] if gate.interval else points)


def _stated(event: Event) -> dict[str, Any]:
    about = event.batch if event.about_batch else event.operation
    operation = event.operation
    return {
        "event": event.name,
        "source": event.source,
        "subject": event.subject,
        "name": about.name if about else "",
        "type": operation.type if operation else "",
        "priority": operation.priority if operation else "",
        "status": event.status,
        "percentage": event.percentage,
        "phase": event.phase_name,
        "tenant": event.tenant,
        "project": event.project,
    }


def _about(event: Mapping[str, Any]) -> str:
    percentage = "" if event["percentage"] is None else f"{event['percentage']:g} %"
    parts = (event["name"] or event["subject"], event["status"], percentage, event["phase"], event["priority"])
    return ", ".join(part for part in parts if part)


def _mark(outcome: Mapping[str, Any]) -> tuple[str, str]:
    mark, colour = MARKS[outcome["matches" if "matches" in outcome else "holds"]]
    return colour, mark


def _line(*parts: tuple[str, str]) -> Text:
    return Text(" ").join(Text(visible(text), style=style) for style, text in parts)
