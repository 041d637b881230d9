"""Through which rooms and modules one event goes from `Ingest.ingest` to the store: `python -m tools.walk`.

Followed while it happens: a completed operation, the first event of its kind, with a rule of each kind. Every step into
another room is written down. What all rooms speak of (events, errors, metrics) is no room that an event stays in.
"""

import asyncio
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import FrameType
from typing import Any, cast

import structlog

from relay.channels import CHANNELS
from relay.config import parse_config
from relay.domain.deliveries import Accepted
from relay.domain.parsing import parse
from relay.ingest import Ingest
from relay.store import Store
from tools.structure import room_of

VOCABULARY = frozenset(("configfile", "domain", "errors", "metrics", "outage", "reasons", "resources"))
CONFIG = """\
sources: {platform: {signature: {secrets: {current: a-secret-that-nobody-guesses-2048}}}}
channels:
  slack: {token: xoxb-2048-abcdef}
  email: {host: localhost, from: relay@example.com}
dynamic_destinations: {email_domains: [example.com]}
quiet_hours: {from: "20:00", to: "07:00"}
destinations:
  team: {slack: "#team", mode: live}
  analysts: {email: [analyst@example.com]}
  daily: {email: [lead@example.com], mode: digest, at: "08:30"}
rules:
  - {name: everything, events: ["operation.*"], min_progress_increment: 10, notify: [team, daily]}
  - {name: outcomes, events: [operation.completed], notify: [analysts]}
"""
BODY = {
    "event": "operation.completed",
    "timestamp": "2024-01-20T11:40:00Z",
    "operation": {
        "operationId": "op-1",
        "status": "Completed",
        "operationType": "DataExtraction",
        "notifications": {"email": ["requester@example.com"]},
    },
}


class AnsweringStore:
    """Where the way ends. Its steps count as the store's."""

    async def known(self, _operation: str, _space: object) -> dict[str, str]:
        return {}

    async def accept(self, _event: object, _targets: object, *, unasked: bool) -> Accepted:  # noqa: ARG002 - Store's
        return Accepted("accepted")


def room(frame: FrameType) -> str:
    module: str = frame.f_globals.get("__name__", "")
    if frame.f_code.co_qualname.startswith(AnsweringStore.__name__):
        return "store"
    return room_of(module) if module.startswith("relay.") and room_of(module) not in VOCABULARY else ""


def module(frame: FrameType) -> str:
    name: str = frame.f_globals.get("__name__", "")
    return room(frame) and (name.removeprefix("relay.") if name.startswith("relay.") else "store")


@contextmanager
def followed(name_of: Callable[[FrameType], str]) -> Iterator[dict[tuple[str, str], str]]:
    """Collects every call from one room into another: the two functions, and `from > to`."""
    calls: dict[tuple[str, str], str] = {}

    def note(frame: FrameType, event: str, _argument: Any) -> None:
        if event != "call" or frame.f_code.co_filename == "<string>" or not (callee := name_of(frame)):
            return
        outer = frame.f_back
        while outer and not name_of(outer):
            outer = outer.f_back
        if outer and name_of(outer) != callee:
            calls[outer.f_code.co_qualname, frame.f_code.co_qualname] = f"{name_of(outer)} > {callee}"

    sys.setprofile(note)
    try:
        yield calls
    finally:
        sys.setprofile(None)


def walk(name_of: Callable[[FrameType], str]) -> dict[tuple[str, str], str]:
    config = parse_config(CONFIG, env={}, channels=CHANNELS)
    received = datetime(2024, 1, 20, 11, 40, tzinfo=UTC)
    other, event = (
        parse(BODY | {"event": name}, source="platform", received_at=received)
        for name in ("operation.failed", "operation.completed")
    )
    ingest = Ingest(cast("Store", AnsweringStore()), lambda: config, CHANNELS)

    async def run() -> dict[tuple[str, str], str]:
        await ingest.ingest(other)  # what is made once for a configuration belongs to no event's way
        with followed(name_of) as calls:
            await ingest.ingest(event)
        return calls

    return asyncio.run(run())


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    for title, name_of in (("rooms", room), ("modules", module)):
        calls = walk(name_of)
        entered = {name for call in calls.values() for name in call.split(" > ")}
        print(f"{title}: {len(entered)}, with {len(calls)} calls from one into another")
        print("".join(f"  {way:<45} {caller} > {callee}\n" for (caller, callee), way in calls.items()))
