"""Signed events as they go over the wire, made before anything is measured; and the same as Alertmanager's alerts.

An operation starts, reports eight times and is completed. Operations overlap: ACTIVE are under way at a time, so that
an event comes long after the one before it. What is new is new: no two ids are alike.
"""

import base64
import hmac
import itertools
import json
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from tests.support.events import body
from tests.support.foreign import workflow_run

SECRET = b"kFv8-Qm2x-7LrT-zW9c-e4Hs"
PATH, ALERTS, GITHUB = "/webhooks/platform", "/api/v2/alerts", "/webhooks/github"
FOREIGN = 21_000  # bytes of GitHub's event, most of which are addresses that nobody reads
EVENTS = 10  # of an operation
ACTIVE = 200
HEAD = b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n"


def document(event: str = "operation.progress", percentage: float = 50, **operation: Any) -> dict[str, Any]:
    """An event of about 1,350 bytes, of just now."""
    now = time.time()
    made = body(event, percentage, startTime=iso(now - 600), dateCreated=iso(now - 660), timeoutAt=iso(now + 7200))
    part = made["operation"]
    del part["callbacks"]
    part["phases"] = [
        {key: value for key, value in phase.items() if not key.endswith("esults")} for phase in part["phases"][:2]
    ]
    part["progress"] |= {"startTime": iso(now - 600), "estimatedCompletion": iso(now + 3600)}
    made["timestamp"] = iso(now)
    part |= {"startedBy": "Finance Transformation Office", "operationName": "Customer Journey Analysis"} | operation
    return made


def events() -> Iterator[tuple[str, bytes]]:
    """Id and body of one new event after another."""
    steps = [_pieces(*step) for step in _steps()]
    first = 0
    while True:
        for number, (before, between, after) in enumerate(steps):
            for operation in range(first, first + ACTIVE):
                name = b"op-%09d" % operation
                yield f"msg-{operation:09}-{number}", before + name + between + name + after
        first += ACTIVE


def progress(operations: int) -> Iterator[tuple[str, bytes]]:
    """Id and body of one report after another, of so many operations that run at once."""
    for step in itertools.count():
        before, between, after = _pieces("operation.progress", min(step, 99), "Running")
        for operation in range(operations):
            name = b"op-%09d" % operation
            yield f"msg-{operation:09}-{step}", before + name + between + name + after


def workflow_runs() -> Iterator[tuple[str, bytes]]:
    """Yield id and body of one new event of GitHub after another: each run is requested, in progress, completed."""
    now, id_ = time.time(), 10**12
    steps = []
    for status, conclusion in (("queued", None), ("in_progress", None), ("completed", "success")):
        document = workflow_run(status, conclusion, id=id_, run_started_at=iso(now - 600), updated_at=iso(now))
        many = (FOREIGN - len(json.dumps(document))) // 69
        document["repository"] |= {
            f"{n}_url": f"https://api.github.com/repos/acme/shop/things/{n:04}" for n in range(many)
        }
        steps.append(json.dumps(document).encode().split(b"%d" % id_))
    for first in itertools.count(id_, ACTIVE):
        for number, (before, after) in enumerate(steps):
            for run in range(first, first + ACTIVE):
                yield f"{run}-{number}", before + b"%d" % run + after


SPELLED = bytes.maketrans(b"0123456789", b"abcdefghij")  # what differs by digits alone is of one cause


def failures(first: int = 0, priority: str = "High", tenant: str = "tenant-1") -> Iterator[tuple[str, bytes]]:
    """Yield id and body of failed operations, each with a cause of its own: one cause would be one message."""
    failure = document(
        "operation.failed",
        67,
        status="Failed",
        operationId="@@",
        operationName="Journey of @@",
        priority=priority,
    )
    failure["tenantId"] = tenant
    failure["error"] = {"code": "SOURCE_TIMEOUT", "message": "The extractor of @@ gave no answer."}
    pieces = json.dumps(failure, separators=(",", ":")).encode().split(b"@@")
    for number in itertools.count(first):
        name = b"op-%09d" % number
        cause = name.translate(SPELLED)
        names = [name, name, cause]
        yield f"msg-{number:09}-f", b"".join(part for pair in zip(pieces, [*names, b""], strict=True) for part in pair)


def signed(message_id: str, content: bytes, path: str = PATH) -> bytes:
    """A request as Standard Webhooks has it."""
    stamp = b"%d" % time.time()
    name = message_id.encode()
    proof = base64.b64encode(hmac.digest(SECRET, b".".join((name, stamp, content)), "sha256"))
    lines = b"webhook-id: %s\r\nwebhook-timestamp: %s\r\nwebhook-signature: v1,%s\r\n" % (name, stamp, proof)
    return HEAD % (path.encode(), len(content), lines) + content


def signed_by_github(message_id: str, content: bytes) -> bytes:
    """Return the request as GitHub sends it."""
    proof = hmac.new(SECRET, content, "sha256").hexdigest().encode()
    lines = b"X-GitHub-Delivery: %s\r\nX-Hub-Signature-256: sha256=%s\r\n" % (message_id.encode(), proof)
    return HEAD % (GITHUB.encode(), len(content), lines) + content


def alert(message_id: str, content: bytes) -> bytes:
    """An alert of the same size, which is like no other."""
    labels = {"alertname": "OperationFailed", "event": message_id, "operation": f"op-{message_id.split('-')[1]}"}
    text = json.dumps([{"labels": labels, "annotations": {"text": ""}}])
    text = json.dumps([{"labels": labels, "annotations": {"text": "x" * (len(content) - len(text))}}])
    return HEAD % (ALERTS.encode(), len(text), b"") + text.encode()


def write(path: Path, requests: Iterable[bytes], count: int) -> Path:
    """A file of so many requests, each after its length in eight digits: `load.lua` reads it."""
    with path.open("wb") as file:
        for request in islice(requests, count):
            file.write(b"%08d" % len(request) + request)
    return path


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _steps() -> Iterator[tuple[str, float, str]]:
    yield "operation.started", 0, "Initiated"
    for number in range(1, EVENTS - 1):
        yield "operation.progress", 10 * number, "Running"
    yield "operation.completed", 100, "Completed"


def _pieces(event: str, percentage: float, status: str) -> tuple[bytes, bytes, bytes]:
    """A body around the two places where its operation is named."""
    progress = document(event, percentage, status=status, operationId="@@", operationName="Journey of @@")
    before, between, after = json.dumps(progress, separators=(",", ":")).encode().split(b"@@")
    return before, between, after
