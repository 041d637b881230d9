"""The events that test messages tell of: the samples, as if they had happened just now. Pure."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from relay.config import Config
from relay.configfile.validation import suggest
from relay.domain import documents
from relay.domain.deliveries import Kind
from relay.domain.events import Event
from relay.domain.parsing import parse
from relay.errors import RelayError
from relay.policy.destinations import Destination
from relay.rendering.digests import ROUND_UPS
from relay.rendering.samples import sample_bodies

USUAL = "operation.completed"
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


class WrongEvent(RelayError):
    """There is no such sample, or the destination gets no message of it."""


def example_event(
    name: str, destination: Destination, config: Config, directories: Sequence[Path], *, now: datetime, key: str
) -> tuple[Kind, Event]:
    """The event, and the kind of message that the destination gets of it. `key` is its run's, so that no mail program
    takes one test for the continuation of another."""
    digests = destination.mode == "digest"
    chosen = name or ("digest" if digests else USUAL)
    bodies = sample_bodies(directories)
    if chosen not in bodies:
        raise WrongEvent(f"there is no sample of {chosen}; {suggest(chosen, bodies)}")
    if digests != (chosen == "digest"):
        gets = "gets digests alone: leave --event out" if digests else "has no mode: digest, so it gets none"
        raise WrongEvent(f"{destination.name} {gets}")
    body = moved(bodies[chosen], now)
    if chosen in ROUND_UPS:
        return chosen, Event(id=key, name=chosen, source="relay", occurred_at=now, received_at=now, document=body)  # type: ignore[return-value]
    origin = {"tenantId": config.platform.tenant, "projectId": config.platform.project}
    body |= {field: value for field, value in origin.items() if value}
    for part, field in (("operation", "operationId"), ("batch", "batchId")):
        if part in body:
            body[part] |= {field: f"{part}-{key}"}
    event = parse(body, source="relay", received_at=now, default_event=chosen)
    return ("live" if destination.mode in ("live", "outcomes") else "each"), event


def moved(body: dict[str, Any], now: datetime) -> dict[str, Any]:
    """The body with its own time now, and every other time as far from it as it was; as it is if it names none."""
    stated = documents.moment(body.get("timestamp"))
    by = now - stated if stated else timedelta()

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: walk(item) for key, item in value.items()}
        if isinstance(value, list):
            return [walk(item) for item in value]
        return _moved(value, by) if isinstance(value, str) else value

    document: dict[str, Any] = walk(body)
    return document


def _moved(text: str, by: timedelta) -> str:
    try:
        if _DATE.fullmatch(text):
            days = timedelta(days=round(by / timedelta(days=1)))
            return (datetime.fromisoformat(text) + days).date().isoformat()
        return (datetime.fromisoformat(text) + by).replace(microsecond=0).isoformat() if _TIME.match(text) else text
    except (ValueError, OverflowError):  # it only looks like one
        return text
