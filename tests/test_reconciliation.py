"""What was missed is told, what was not is left alone, and the platform is asked no more than needed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest

from relay.deliveries import Accepted
from relay.errors import PlatformError
from relay.events import Event
from relay.reconciliation import MOST, OVERLAP, PERIOD, Reconciliation, Sender
from relay.store import Store
from tests.support import events
from tests.support.targets import mail

NOW = 1_705_750_800.0


@dataclass
class Api:
    """A platform with these documents."""

    documents: dict[str, Any]
    asked: list[str] = field(default_factory=list)
    since_when: list[datetime] = field(default_factory=list)

    async def document(self, operation: str) -> dict[str, Any]:
        self.asked.append(operation)
        found = self.documents[operation]
        if isinstance(found, PlatformError):
            raise found
        return dict(found)

    async def since(self, when: datetime, most: int) -> Sequence[str]:
        assert most == MOST
        self.since_when.append(when)
        return list(self.documents)


@dataclass
class Known:
    """What relay knows: the runs it has not heard of, and the ids it knows at all."""

    running: list[str]
    known: set[str] = field(default_factory=set)
    last: float | None = NOW - PERIOD

    async def turn(self, period: float) -> float | None:
        assert period == PERIOD
        return self.last

    async def unheard(self, seconds: float, most: int) -> Sequence[str]:
        return self.running[:most]

    async def unknown(self, operations: Sequence[str]) -> Sequence[str]:
        return [name for name in operations if name not in self.known and name not in self.running]


def document(operation: str, status: str, percentage: float = 67) -> dict[str, Any]:
    progress = {"percentage": percentage, "currentPhase": "Discovery"}
    return {"operationId": operation, "operationName": "A run", "status": status, "progress": progress}


async def round_of(api: Api, known: Known) -> list[Event]:
    taken: list[Event] = []

    async def take(event: Event) -> Accepted:
        taken.append(event)
        return Accepted("accepted", 1)

    await Reconciliation(api, known, take, Sender("async-operations", "t", "p")).tick(NOW)
    return taken


@pytest.mark.parametrize(
    ("status", "name"),
    [("Running", "operation.progress"), ("Completed", "operation.completed"), ("Failed", "operation.failed"),
     ("Cancelled", "operation.cancelled"), ("Timeout", "operation.failed")],
)  # fmt: skip
async def test_each_state_goes_in_as_the_event_that_was_missed(status: str, name: str) -> None:
    [event] = await round_of(Api({"op-1": document("op-1", status)}), Known(["op-1"]))
    assert (event.name, event.status, event.source, event.tenant) == (name, status, "async-operations", "t")


async def test_runs_that_began_and_ended_meanwhile_are_told_and_known_ones_not_asked_for() -> None:
    api = Api({"op-new": document("op-new", "Completed"), "op-known": document("op-known", "Running")})
    taken = await round_of(api, Known([], {"op-known"}))
    assert [event.subject for event in taken] == ["op-new"]
    assert api.asked == ["op-new"]
    assert [when.timestamp() for when in api.since_when] == [NOW - PERIOD - OVERLAP]


async def test_a_relay_that_is_new_does_not_tell_of_old_runs() -> None:
    api = Api({"op-old": document("op-old", "Completed")})
    assert await round_of(api, Known([], last=0.0)) == []
    assert api.since_when == []


async def test_nobody_asks_out_of_turn() -> None:
    api = Api({"op-1": document("op-1", "Completed")})
    assert await round_of(api, Known(["op-1"], last=None)) == []
    assert api.asked == []


async def test_an_operation_the_platform_has_forgotten_does_not_stop_the_round() -> None:
    documents = {"op-1": PlatformError("GET: 404", status=404), "op-2": document("op-2", "Completed"), "op-3": {}}
    taken = await round_of(Api(documents), Known(["op-1", "op-3", "op-2"]))
    assert [event.subject for event in taken] == ["op-2"]


@pytest.mark.parametrize(
    "error", [PlatformError("GET: 503", status=503, temporary=True), PlatformError("401", status=401)]
)
async def test_a_platform_that_does_not_answer_ends_the_round_quietly(error: PlatformError) -> None:
    api = Api({"op-1": error, "op-2": document("op-2", "Completed")})
    assert await round_of(api, Known(["op-1", "op-2"])) == []
    assert api.asked == ["op-1"]


async def test_what_was_told_by_the_platform_as_well_is_told_once(store: Store) -> None:
    await store.accept(events.progress(40), [mail()])
    reported = events.completed()
    assert reported.operation
    taken = []

    async def take(event: Event) -> Accepted:
        taken.append(await store.accept(event, [mail()]))
        return taken[-1]

    api = Api({reported.operation.id: dict(reported.operation.document)})
    await Reconciliation(api, Known([reported.operation.id]), take, Sender("async-operations")).tick(NOW)
    assert [answer.status for answer in taken] == ["accepted"]
    assert (await store.accept(reported, [mail()])).status == "duplicate"
