"""Tests of the page of `relay status`."""

from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from relay.cli.status import page

WHY = "Slack answered chat.postMessage with HTTP 429"


def test_why_something_fails_is_said_once() -> None:
    state = {"state": "failing", "since": None, "why": WHY, "parked": 3}
    obstacle = {"name": "channel:slack", "part": {"text": "channel slack"}, "sentence": {"text": WHY}, "why": None,
                "since": None, "advice": None}  # fmt: skip
    counts = ("running", "stalled", "failed", "pending", "dead", "quarantined")
    facts: dict[str, Any] = dict.fromkeys(counts, 0) | {
        "headline": {"tone": "bad", "sentences": []}, "obstacles": [obstacle], "redis": {}, "waiting": {},
        "oldest_due": None, "runs": [], "failures": [], "sources": [], "channels": [state | {"name": "slack"}],
        "destinations": [state | {"name": name, "channel_fault": WHY} for name in ("team", "room")],
    }  # fmt: skip
    console = Console(width=200)

    with console.capture() as shown:
        for part in page(facts, datetime(2024, 1, 20, tzinfo=UTC)):
            console.print(part)

    assert shown.get().count(WHY) == 1
    assert [line.split()[:2] for line in shown.get().splitlines() if "failing" in line] == [
        ["slack", "failing"], ["team", "failing"], ["room", "failing"],
    ]  # fmt: skip
