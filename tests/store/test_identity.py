"""Which reports are one fact, and which runs of one operation are two: people hear of each once, and of none never."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from relay import metrics
from relay.channels import CHANNELS
from relay.config import parse_config
from relay.domain.deliveries import Accepted
from relay.ingest import Ingest
from relay.operating.sentences import sentence_of
from relay.operating.timeline import facts_of
from relay.store import Store
from relay.store.queries.admin import Admin
from tests.support import events
from tests.support.clock import Clock
from tests.support.flow import Flow, flowing

CONFIG = """
sources: {async-operations: {signature: {secrets: {current: "the-secret-of-the-platform"}}}}
channels: {slack: {token: xoxb-1-identity}}
destinations: {room: {slack: "#room", mode: each}}
rules: [{name: all, events: ["operation.*", "batch.*", data.audited], notify: [room]}]
"""
CONFIGURED = parse_config(CONFIG, env={}, channels=CHANNELS)
Send = Callable[..., Awaitable[Accepted]]


@pytest.fixture
def send(store: Store) -> Send:
    """A document goes the way of every event."""
    ingest = Ingest(store, lambda: CONFIGURED, CHANNELS)

    async def one(document: dict[str, Any], **of: Any) -> Accepted:
        return await ingest.ingest(events.event_of(document, **of))

    return one


def progress(minute: int, percentage: float | None = None, **parts: Any) -> dict[str, Any]:
    operation = {"operationId": "op-1", "status": "Running", "progress": {**parts}}
    if percentage is not None:
        operation["progress"]["percentage"] = percentage
    return {"event": "operation.progress", "timestamp": f"2024-01-20T11:{minute:02}:00Z", "operation": operation}


def outcome(minute: int, event: str = "operation.failed", **fields: Any) -> dict[str, Any]:
    status = "Failed" if event == "operation.failed" else "Completed"
    operation = {"operationId": "op-1", "status": status}
    return {"event": event, "timestamp": f"2024-01-20T11:{minute:02}:00Z", "operation": operation, **fields}


def start(minute: int, **operation: Any) -> dict[str, Any]:
    return {
        "event": "operation.started",
        "timestamp": f"2024-01-20T11:{minute:02}:00Z",
        "operation": {"operationId": "op-1", "status": "Initiated", **operation},
    }


async def statuses(send: Send, *documents: dict[str, Any], **of: Any) -> list[str]:
    return [(await send(document, **of)).status for document in documents]


def of_retry(document: dict[str, Any], number: int) -> dict[str, Any]:
    return document | {"operation": document["operation"] | {"retryNumber": number}}


def audited(number: int) -> dict[str, Any]:
    return progress(1, 45, currentPhase="Load") | {"event": "data.audited", "eventId": f"evt-{number}"}


A, D = "accepted", "duplicate"
PHASES = [progress(minute, 45, currentPhase=phase) for minute, phase in enumerate(("Load", "Transform", "Write"))]
FIRST = [start(1), progress(2, 50), outcome(3, error={"message": "disk full"})]
AGAIN = [start(10), progress(11, 20), outcome(12, error={"message": "no such table"})]
RETRIES = [of_retry(start(1), 0), of_retry(outcome(2), 0), of_retry(start(3), 0), of_retry(outcome(4), 0),
           of_retry(start(5), 1), of_retry(progress(6, 5), 1), of_retry(outcome(7), 1)]  # fmt: skip
REDATED = start(10, startTime="2024-01-20T11:01:00Z")  # sent again later, of the run that is over
THINNER = {"operationId": "op-1", "status": "Running", "progress": 45}
REPORTS: dict[str, tuple[list[dict[str, Any]], list[str]]] = {
    "one percentage lasts for several phases": ([*PHASES, PHASES[2]], [A, A, A, D]),
    "a thinner report of the same percentage says nothing new":
        ([progress(1, 45, currentPhase="Load", phasesCompleted=1), THINNER], [A, D]),
    "events of an unknown name are facts by their id": ([audited(1), audited(2), audited(2)], [A, A, D]),
    "a start after the outcome is a new run of which all is told":
        ([*FIRST, *AGAIN, *FIRST, *AGAIN], [A] * 6 + [D] * 6),
    "a platform that counts its retries goes on counting after a start anew":
        ([*RETRIES, *RETRIES[2:]], [A] * 7 + [D] * 5),
    "a start that comes late begins nothing": ([outcome(3), start(1), REDATED], [A, "late", D]),
}  # fmt: skip


@pytest.mark.parametrize(("documents", "answers"), REPORTS.values(), ids=REPORTS)
async def test_each_fact_is_told_once(send: Send, documents: list[dict[str, Any]], answers: list[str]) -> None:
    assert await statuses(send, *documents) == answers


def of_execution(name: str, minute: int, **fields: Any) -> dict[str, Any]:
    document = outcome(minute, **fields)
    return document | {"operation": document["operation"] | {"execution": {"executionId": name}}}


async def test_two_reports_of_the_second_runs_end_at_one_time_are_one(send: Send, store: Store) -> None:
    await send(of_execution("a", 3))

    again = of_execution("b", 8)
    answers = await asyncio.gather(*(send(again, source=source) for source in ("async-operations", "other", "third")))

    assert sorted(answer.status for answer in answers) == ["accepted", "duplicate", "duplicate"]
    assert (await Admin(store).ledger()).counts["events"] == 2


async def test_a_report_with_another_error_or_end_is_counted_and_in_the_timeline(send: Send, store: Store) -> None:
    before = differing()
    ended = [{"results": {"endTime": f"2024-01-20T11:0{minute}:00Z"}} for minute in (1, 2)]
    first, second = outcome(3, error=ERROR, **ended[0]), outcome(3, error={"code": "OTHER"}, **ended[1])

    assert await statuses(send, first, second) == ["accepted", "duplicate"]

    timeline = await Admin(store).timeline("op-1")
    assert timeline
    lines = [sentence_of(line) for line in facts_of(timeline)["timeline"]]
    assert lines[-1].startswith("operation.failed again, from async-operations, with another end and error")
    assert differing() - before == 1


async def test_of_an_id_that_is_started_again_and_again_the_last_starts_are_known(send: Send, store: Store) -> None:
    runs = [part for minute in range(0, 60, 3) for part in (start(minute), outcome(minute + 1))]

    assert await statuses(send, *runs) == ["accepted"] * 40
    assert await statuses(send, *runs[-16:]) == ["duplicate"] * 16
    assert len((await store.known("op-1"))["starts"].split()) == 8


async def test_an_id_that_comes_again_with_another_fact_is_counted(send: Send) -> None:
    before = metrics.ids_reused.labels("async-operations")._value.get()

    answers = [await send(progress(minute, 10 * minute), id="wh_8f2c") for minute in (1, 1, 2, 2)]

    assert [answer.status for answer in answers] == ["accepted", "duplicate"] * 2
    assert [answer.id_reused for answer in answers] == [False, False, True, False]
    assert metrics.ids_reused.labels("async-operations")._value.get() - before == 1


@pytest.mark.parametrize("what", ["progress", "outcome"])
async def test_what_is_sent_again_without_a_time_is_the_same_by_its_id(send: Send, what: str) -> None:
    undated = progress(1, currentPhase="Load") if what == "progress" else outcome(1)
    del undated["timestamp"]
    first = await send(undated, id="evt-1", at=events.RECEIVED)
    await statuses(send, start(50))  # the run began anew meanwhile

    again = await send(undated, id="evt-1", at=events.RECEIVED + timedelta(hours=1))

    assert (first.status, again.status) == ("accepted", "duplicate")


def differing() -> float:
    return metrics.duplicates_differing.labels("async-operations")._value.get()


ERROR = {"code": "SOURCE_TIMEOUT", "message": "The extractor did not answer."}
THIN = {"operationId": "op-1", "status": "Failed"}
FULL = outcome(1, error=ERROR, operation={**THIN, "operationName": "Order-to-Cash"})


@pytest.fixture
async def live(open_store: Callable[..., Store], clock: Clock) -> AsyncIterator[Flow]:
    async with flowing(open_store, clock, live="post_after: 0s, min_interval: 0s") as flow:
        yield flow


async def test_a_repeated_outcome_that_says_more_completes_the_message_that_stands(live: Flow) -> None:
    await live.send(start(0))
    await live.wait(10)
    await live.send(THIN, source="errors")
    await live.wait(10)
    told = len(live.messages())

    again = await live.send(FULL)
    await live.wait(60)

    assert again.status == "duplicate"
    (root,) = live.roots()
    assert "Order-to-Cash" in f"{root.text} {root.blocks}"
    assert "The extractor did not answer." in f"{root.text} {root.blocks}"
    assert len(live.messages()) == told
