"""Two failures under one id: of two runs they are two notifications, of one run they are one, in Slack and by mail."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.support.every_case import every_case
from tests.support.redis_server import RedisServer
from tests.support.stage import Stage, running, surroundings

CONFIG = """
server: {host: 127.0.0.1, port: 0, drain: 0s}
data_dir: /nonexistent
sources:
  async-operations: {max_age: off, signature: {secrets: {current: "${STAGE_SECRET}"}}}
  monitor: {max_age: off, signature: {secrets: {current: "${STAGE_SECRET}"}}}
  progress:
    event: operation.progress
    max_age: off
    signature: &token {scheme: token, secrets: {current: "${STAGE_TOKEN}"}}
  error: {event: operation.failed, max_age: off, signature: *token}
channels:
  slack: {token: xoxb-1-reruns, base_url: "${STAGE_SLACK}", posts_per_second: 100, new_message_limit: off}
  email: {host: 127.0.0.1, port: "${STAGE_SMTP}", tls: none, from: "Operations <relay@example.com>"}
destinations:
  team: {slack: "#team", mode: live, live: {post_after: 0s, min_step: 0, min_interval: 0s}, group_errors: off}
  analysts: {email: [analyst@example.com], mode: each, group_errors: off}
rules:
  - {name: all, events: ["operation.*"], notify: [team]}
  - {name: ends, events: [operation.failed, operation.completed], notify: [analysts]}
"""
DISK, TABLE = ({"code": code, "message": f"{code} at the source"} for code in ("DISK_FULL", "NO_TABLE"))
CREATED = {"dateCreated": "2024-01-20T10:55:00Z"}  # the same for all runs of an id


class Sent(NamedTuple):
    document: dict[str, Any]
    source: str = "async-operations"


def at(minute: int) -> str:
    return f"2024-01-20T11:{minute:02}:00Z"


def report(event: str, sent: int, status: str, parts: dict[str, Any] | None = None, **operation: Any) -> Sent:
    """`sent` is the minute in which the sender dates it."""
    return Sent({"event": event, "timestamp": at(sent), "operation": {"status": status, **CREATED, **operation}}
                | (parts or {}))  # fmt: skip


def failed(sent: int, id: str = "", error: dict[str, Any] | None = DISK, **operation: Any) -> Sent:  # noqa: A002
    parts = ({"eventId": id} if id else {}) | ({"error": error} if error else {})
    return report("operation.failed", sent, "Failed", parts, **operation)


def started(sent: int, **operation: Any) -> Sent:
    return report("operation.started", sent, "Initiated", **operation)


def progress(sent: int, percentage: int, **operation: Any) -> Sent:
    return report("operation.progress", sent, "Running", **operation, progress={"percentage": percentage})


def execution(name: str, **parts: Any) -> dict[str, Any]:
    return {"execution": {"executionId": f"exec-{name}", **parts}}


def times(start: int, end: int) -> dict[str, str]:
    return {"startTime": at(start), "endTime": at(end)}


def callback(source: str, **document: Any) -> Sent:
    """The operation's document alone, which names neither event nor time."""
    return Sent(document, source)


RERUNS = {
    "started, and both ends sent late": [
        started(0, startTime=at(0)), failed(50, **times(0, 3)), started(5, startTime=at(5)), failed(51, **times(5, 8)),
    ],
    "started before the first end was sent, and the second end states nothing": [
        failed(50, **times(0, 3)), started(5, startTime=at(5)), failed(55),
    ],
    "another execution": [failed(3, **execution("a")), failed(8, **execution("b"))],
    "another execution, though the first end stated none but by a callback": [
        failed(3), callback("error", status="Failed", **execution("a")), failed(8, **execution("b")),
    ],
    "another start beside one dateCreated": [failed(3, startTime=at(0)), failed(8, startTime=at(5))],
    "another attempt": [failed(3, **execution("a", attempt=1)), failed(8, **execution("a", attempt=2))],
    "a later end, and progress in between": [failed(4, **times(0, 3)), progress(5, 20), failed(9, **times(0, 8))],
    "sent later, and progress in between": [failed(3), progress(5, 20), failed(8)],
    "another error under another event id": [failed(3, "evt-1", DISK), failed(3, "evt-2", TABLE)],
    "and another source in between": [
        failed(3, "evt-1", DISK), Sent(failed(3, "mon-1", DISK).document, "monitor"), failed(3, "evt-2", TABLE),
    ],
}  # fmt: skip
FULL = {**execution("a"), **times(0, 3)}
ONCE = {
    "the callbacks after the webhook": [
        progress(2, 20), failed(4, "evt-1", **FULL), callback("progress", status="Running", progress=20),
        callback("error", status="Failed"),
    ],
    "the same end from another source, in its own words": [
        failed(4, "evt-1", DISK, **FULL), Sent(failed(5, "mon-1", TABLE, **FULL).document, "monitor"),
    ],
    "a second end that adds what the first left out": [failed(4, "evt-1", None), failed(5, "evt-2", DISK, **FULL)],
    "a second end that leaves out what the first stated": [failed(4, "evt-1", **FULL), failed(9, "evt-2", None)],
    "completed after it failed, without a start": [
        failed(4, "evt-1", **FULL), report("operation.completed", 6, "Completed", {"eventId": "evt-2"}),
    ],
    "sent again with the time of that, while it seems to go on": [
        failed(4, "evt-1", **FULL), progress(5, 20), failed(9, "evt-1", **FULL),
    ],
}  # fmt: skip


@pytest.fixture
async def on_stage(redis_server: RedisServer, tmp_path: Path) -> AsyncIterator[Stage]:
    file = tmp_path / "relay.yaml"
    file.write_text(CONFIG)
    async with surroundings(redis_server.url) as around, running(around, file) as relay:
        yield Stage(around, relay)


async def notified(stage: Stage, operation: str, reports: Sequence[Sent]) -> tuple[int, int]:
    """How many messages in Slack and how many mails these reports of an operation make, all sent in turn."""
    slack, inbox = len(stage.around.slack.messages("#team")), len(stage.around.inbox.mails)
    for document, source in reports:
        whole = document.get("operation", document) | {"operationId": operation, "operationName": operation}
        reply = await stage.post(document | ({"operation": whole} if "operation" in document else whole), source)
        assert reply.status in (200, 202), reply
        await stage.around.settled()
    return len(stage.around.slack.messages("#team")) - slack, len(stage.around.inbox.mails) - inbox


@pytest.mark.slow
async def test_every_run_that_fails_is_told_and_no_report_of_it_twice(on_stage: Stage) -> None:
    with every_case() as case:
        for number, (name, reports) in enumerate((RERUNS | ONCE).items()):
            with case(name):
                ends = 2 if name in RERUNS else 1
                first = await notified(on_stage, f"op-{number}", [*reports])
                again = await notified(on_stage, f"op-{number}", [*reports])
                begun = reports[0].document["event"] != "operation.failed"  # the message stands before the first end
                assert (first, again) == ((ends + begun, ends), (0, 0))
