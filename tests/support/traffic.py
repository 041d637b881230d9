"""Runs that happen around an outage, a worker that dies in a send, and the account of what was delivered."""

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import default
from typing import Any

from relay_sandbox.standins.slack import Fault
from tests.support.flow import POST, Flow
from tests.support.flow_events import event_of
from tests.support.outages import Outage, World
from tests.support.patience import patience
from tests.support.queue import lose
from tests.support.scripted_smtp import SILENCE


@dataclass
class Run:
    """A run, and the seconds from the outage's beginning at which it starts, moves on and ends."""

    name: str
    start: float
    move: float
    end: float
    status: str

    def events(self) -> Iterator[tuple[float, dict[str, Any]]]:
        operation = {"operationId": self.name, "operationName": f"Run {self.name}"}
        yield self.start, event_of("operation.started", 0, status="Initiated", **operation)
        yield self.move, event_of("operation.progress", 50, status="Running", **operation)
        event = event_of(f"operation.{self.status.lower()}", 100, status=self.status, **operation)
        error = {"code": f"E_{self.name}", "message": f"{self.name} has no source"}
        yield self.end, event | ({"error": error} if self.status == "Failed" else {})


def busy(count: int, seconds: float) -> list[Run]:
    """Runs of which a third has its message before the outage, and all end in it."""
    runs = []
    for number in range(count):
        share = number / count
        start = -30.0 * (1 - share) if number % 3 == 0 else share * seconds * 0.8
        end = max(start, 0) + (seconds - max(start, 0)) * 0.9
        status = "Completed" if number % 4 == 1 else "Failed"
        runs.append(Run(f"run-{number}", start, (start + end) / 2 if start > 0 else end / 2, end, status))
    return runs


def single(seconds: float) -> list[Run]:
    """One run, of which nobody has heard before."""
    return [Run("run-0", seconds / 20, seconds / 15, seconds / 10, "Failed")]


def timetable(runs: list[Run]) -> list[tuple[float, dict[str, Any]]]:
    return sorted((event for run in runs for event in run.events()), key=lambda pair: pair[0])


def first_message(events: list[tuple[float, dict[str, Any]]], tenant: str) -> dict[str, Any]:
    """Take the first event out that makes a new message there."""
    name = "operation.failed" if tenant == "email" else "operation.started"
    first = next(event for event in events if event[1]["event"] == name)
    events.remove(first)
    return first[1]


@dataclass
class Account:
    """The messages that there are, against the runs that there were.

    missing  runs without the message, or the reply, that tells their outcome
    stale    live messages that do not show their run's outcome
    doubled  how many messages there are too many, by run and kind
    """

    world: World
    tenant: str
    runs: list[Run]
    missing: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    doubled: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        counts = self._mailed() if self.tenant == "email" else self._posted()
        self.doubled = Counter({name: count - 1 for name, count in counts.items() if count > 1})

    def __str__(self) -> str:
        return f"missing={len(self.missing)} stale={len(self.stale)} doubled={self.doubled.total()}"

    def _mailed(self) -> Counter[str]:
        mails = Counter(_run_in(mail.data) for mail in self.world.smtp.taken)
        self.missing = [run.name for run in self.runs if run.status == "Failed" and not mails[run.name]]
        return mails

    def _posted(self) -> Counter[str]:
        messages = self.world.slack.messages("#team")
        counts = Counter(f"{run_of(message)} {'reply' if message.thread_ts else 'root'}" for message in messages)
        texts = {run_of(message): message.text for message in messages if not message.thread_ts}
        for run in self.runs:
            needs_reply = run.start < 0  # its message was there before: an edit calls nobody
            if run.name not in texts or (needs_reply and not counts[f"{run.name} reply"]):
                self.missing.append(run.name)
            elif not texts[run.name].startswith(run.status):
                self.stale.append(f"{run.name}: {texts[run.name]}")
        return counts


def run_of(message: Any) -> str:
    return str(message.metadata["event_payload"]["operation_id"])


def _run_in(mail: bytes) -> str:
    found = re.search(r"run-\d+", str(message_from_bytes(mail, policy=default)["Subject"]))
    assert found
    return found[0]


async def passes(
    world: World, outage: Outage, runs: list[Run], tenant: str, *, seconds: float, kill: bool = False
) -> None:
    """Let the runs happen around an outage that lasts so long. `kill`: a worker dies as it begins, in an attempt."""
    flow, events = world.flow, timetable(runs)
    begin = flow.clock() - min(0.0, events[0][0])
    step = max(1.0, seconds / 400)

    async def happens(until: float) -> None:
        while events and begin + events[0][0] <= until:
            at, document = events.pop(0)
            await _pass_until(flow, begin + at, step)
            await flow.send(document | {"tenantId": tenant})
        await _pass_until(flow, until, step)

    await happens(begin)
    if kill:
        await flow.send(first_message(events, tenant) | {"tenantId": tenant})
        await killed_while_sending(world, tenant)
    async with outage(world):
        await happens(begin + seconds)


async def _pass_until(flow: Flow, moment: float, step: float) -> None:
    if moment > flow.clock():
        await flow.wait(moment - flow.clock(), step)


async def killed_while_sending(world: World, tenant: str, *, arrived: bool = True) -> None:
    """The other side has the whole message, and the worker dies before it has the answer; it is another's then."""
    sent = asyncio.create_task(unanswered(world, tenant, arrived=arrived))
    await asyncio.sleep(0)
    while not sent.done():
        attempt = asyncio.create_task(world.flow.workers[0].run_once(tenant))
        await asyncio.wait([sent, attempt], return_when=asyncio.FIRST_COMPLETED)
        if not sent.done():
            world.flow.clock.advance(1)
    attempt.cancel()
    await asyncio.gather(sent, attempt, return_exceptions=True)
    world.flow.restart()
    await lose(world.flow.store)


async def unanswered(world: World, tenant: str, *, arrived: bool = True) -> None:
    """Return when the other side has the next message, which it does not answer.

    `arrived`: Slack shows the message. A mail server drops it.
    """
    if tenant == "email":
        world.smtp.script("dot", SILENCE)
        await world.smtp.heard(".", world.smtp.commands.count(".") + 1)
    else:
        calls = len(world.slack.called(POST))
        world.slack.script(POST, Fault(hang=True, applied=arrived))
        await world.slack.wait_for(lambda: len(world.slack.called(POST)) > calls, patience())
