"""Tests of the page of `relay status`."""

from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from relay.cli.status import page

WHY = "Slack answered chat.postMessage with HTTP 429"


COUNTS = ("running", "stalled", "failed", "pending", "dead", "quarantined")
FACTS: dict[str, Any] = dict.fromkeys(COUNTS, 0) | {
    "headline": {"tone": "bad", "sentences": []}, "obstacles": [], "redis": {}, "waiting": {}, "oldest_due": None,
    "runs": [], "failures": [], "sources": [], "channels": [], "destinations": [],
}  # fmt: skip


def printed(facts: dict[str, Any]) -> str:
    console = Console(width=200)
    with console.capture() as shown:
        for part in page(facts, datetime(2024, 1, 20, tzinfo=UTC)):
            console.print(part)
    return shown.get()


@pytest.mark.parametrize(
    ("shown", "words"), [("Failed", "Failed"), ("Partial", "Some failed"), ("Timeout", "Timed out")]
)
def test_a_batch_that_failed_is_not_said_to_have_completed(shown: str, words: str) -> None:
    row = {"name": "Q3 close", "operation": "b-1", "count": 1, "cause": "no room", "status": "Completed",
           "shown": shown, "recovered": False, "priority": "", "last": 0}  # fmt: skip

    text = printed(FACTS | {"failures": [row]})

    assert words in text.splitlines()[-1]
    assert "Completed" not in text


def test_why_something_fails_is_said_once() -> None:
    state = {"state": "failing", "since": None, "why": WHY, "parked": 3}
    obstacle = {"name": "channel:slack", "part": "channel slack", "sentence": WHY, "why": "",
                "since": None, "advice": ""}  # fmt: skip
    facts = FACTS | {
        "obstacles": [obstacle],
        "channels": [state | {"name": "slack"}],
        "destinations": [state | {"name": name, "channel_fault": WHY} for name in ("team", "room")],
    }

    text = printed(facts)

    assert text.count(WHY) == 1
    assert [line.split()[:2] for line in text.splitlines() if "failing" in line] == [
        ["slack", "failing"], ["team", "failing"], ["room", "failing"],
    ]  # fmt: skip


@pytest.mark.parametrize("asked", ["signature", "token", "password"])
def test_a_refusal_names_what_the_source_asks_for(asked: str) -> None:
    row = {"name": "cron", "asked": asked, "refused": {"unsigned": 1, "malformed": 2}}

    assert f"1 without a valid {asked}, 2 malformed" in printed(FACTS | {"sources": [row]})
