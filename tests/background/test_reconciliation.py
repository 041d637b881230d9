"""What was missed is told, what was not is left alone, and the platform is asked no more than needed."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from relay import metrics
from relay.background.reconciliation import (
    AT_ONCE,
    LISTED,
    OVERLAP,
    PERIOD,
    QUIET,
    STARTING,
    EventOrigin,
    Reconciliation,
)
from relay.domain.deliveries import Accepted
from relay.domain.events import Event
from relay.domain.facts import Space
from relay.errors import HandlingFailed, PlatformError
from relay.platform.lookups import Lookups
from relay.platform.settings import Platform
from relay.store.queries.runs import SilentRun
from tests.support.platform import scripted_platform

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
        assert most == LISTED
        self.since_when.append(when)
        return list(self.documents)


@dataclass
class Known:
    """What relay knows: the runs it has not heard of, and the ids it knows at all."""

    running: list[str | SilentRun]
    known: set[str] = field(default_factory=set)
    last: float | None = NOW - PERIOD
    periods: list[tuple[float, float]] = field(default_factory=list)  # of each round: between two, and of silence
    done: list[float] = field(default_factory=list)

    async def turn(self, period: float) -> float | None:
        self.periods.append((period, -1))
        return self.last

    async def finished(self, at: float) -> None:
        self.done.append(at)

    async def unheard(self, seconds: float, most: int, space: Space) -> Sequence[SilentRun]:
        assert space == Space("", "t", "p")
        self.periods[-1] = (self.periods[-1][0], seconds)
        return [one if isinstance(one, SilentRun) else SilentRun(one) for one in self.running[:most]]

    async def unknown(self, operations: Sequence[str], space: Space) -> Sequence[str]:
        running = {one.operation if isinstance(one, SilentRun) else one for one in self.running}
        return [name for name in operations if name not in self.known | running]


def document(operation: str, status: str, percentage: float = 67, **more: Any) -> dict[str, Any]:
    progress = {"percentage": percentage, "currentPhase": "Discovery"}
    return {"operationId": operation, "operationName": "A run", "status": status, "progress": progress} | more


def rounds_of(platform: Any, known: Known, poison: str = "") -> tuple[Reconciliation, list[Event]]:
    """Rounds, and the events that they ingest; relay fails on the poisonous one."""
    taken: list[Event] = []

    async def take(event: Event) -> Accepted:
        if event.subject == poison:
            raise HandlingFailed("KeyError", "relay/policy/matching.py:1")
        taken.append(event)
        return Accepted("accepted", 1)

    return Reconciliation(lambda: (platform, EventOrigin("async-operations", Space("", "t", "p"))), known, take), taken


async def round_of(api: Api, known: Known, poison: str = "") -> list[Event]:
    rounds, taken = rounds_of(api, known, poison)
    await rounds.tick(NOW)
    return taken


async def test_a_run_that_relay_fails_on_does_not_cost_the_others_their_round() -> None:
    known = Known(["poison", "op-1"])
    taken = await round_of(
        Api({name: document(name, "Completed") for name in ("poison", "op-1", "op-2")}), known, "poison"
    )

    assert [event.subject for event in taken] == ["op-1", "op-2"]
    assert known.done == [NOW]


@pytest.mark.parametrize(("status", "name"), [
    ("Running", "operation.progress"), ("Completed", "operation.completed"), ("Failed", "operation.failed"),
    ("Cancelled", "operation.cancelled"), ("Timeout", "operation.failed"),
])  # fmt: skip
async def test_each_state_goes_in_as_the_event_that_was_missed(status: str, name: str) -> None:
    counted = metrics.reconciled._value.get()
    [event] = await round_of(Api({"op-1": document("op-1", status)}), Known(["op-1"]))
    assert metrics.reconciled._value.get() == counted + 1
    assert (event.name, event.status, event.source, event.tenant) == (name, status, "async-operations", "t")


async def test_runs_that_began_and_ended_meanwhile_are_told_and_known_ones_not_asked_for() -> None:
    api = Api({"op-new": document("op-new", "Completed"), "op-known": document("op-known", "Running")})
    taken = await round_of(api, Known([], {"op-known"}))
    assert [event.subject for event in taken] == ["op-new"]
    assert api.asked == ["op-new"]
    assert [when.timestamp() for when in api.since_when] == [NOW - PERIOD - OVERLAP]


async def test_a_failure_whose_results_cannot_be_had_just_now_is_told_with_them_in_the_next_round() -> None:
    async def no_pause(_seconds: float) -> None:
        return None

    scope = "GET /api/t/p/async/operation"
    answers = {
        f"{scope}/op-1": [(200, document("op-1", "Failed"))],
        f"{scope}/op-1/results": [(503, {})],
        f"{scope}s": [(200, {"operations": [], "hasNextPage": False})],
    }
    async with scripted_platform(answers) as platform:
        lookups = Lookups(lambda: Platform(base_url=platform.url, tenant="t", project="p"), sleep=no_pause)
        reconciliation, taken = rounds_of(lookups, Known(["op-1"]))
        await reconciliation.tick(NOW)
        early = [*taken]
        answers[f"{scope}/op-1/results"] = [(200, {"operationId": "op-1", "error": {"code": "SOURCE_TIMEOUT"}})]
        await reconciliation.tick(NOW + PERIOD)
        await lookups.aclose()

    assert early == []
    assert [(event.status, event.error["code"]) for event in taken] == [("Failed", "SOURCE_TIMEOUT")]


@pytest.mark.parametrize(
    "error", [PlatformError("GET: 503", status=503, temporary=True), PlatformError("401", status=401)]
)
async def test_a_platform_that_does_not_answer_ends_the_round_quietly(error: PlatformError) -> None:
    names = [f"op-{number}" for number in range(AT_ONCE + 1)]
    api = Api(dict.fromkeys(names, error))
    assert await round_of(api, Known([*names])) == []
    assert api.asked == names[:AT_ONCE]


async def test_runs_that_get_no_answer_keep_neither_the_others_nor_new_ones_waiting() -> None:
    busy = PlatformError("GET: 504", status=504, temporary=True)
    names = [f"op-{number}" for number in range(AT_ONCE)]
    documents = {name: document(name, "Completed") for name in (*names, "op-new")} | {"op-0": busy}
    taken = await round_of(Api(documents), Known([*names]))
    assert [event.subject for event in taken] == [*names[1:], "op-new"]
    taken = await round_of(Api(dict.fromkeys(names, busy) | {"op-new": documents["op-new"]}), Known([*names]))
    assert [event.subject for event in taken] == ["op-new"]


async def test_a_few_are_asked_about_side_by_side() -> None:
    class Slow(Api):
        most = now = 0

        async def document(self, operation: str) -> dict[str, Any]:
            self.now += 1
            self.most = max(self.most, self.now)
            await asyncio.sleep(0)
            self.now -= 1
            return await super().document(operation)

    names = [f"op-{number}" for number in range(2 * AT_ONCE + 1)]
    api = Slow({name: document(name, "Completed") for name in names})
    assert [event.subject for event in await round_of(api, Known([*names]))] == names
    assert api.most == AT_ONCE


@pytest.mark.parametrize(("now", "known", "news"), [
    (document("op-1", "Running", 67), SilentRun("op-1", 67, "Discovery"), False),
    (document("op-1", "Running", 66), SilentRun("op-1", 67, "Discovery"), False),
    (document("op-1", "Initiated", 0), SilentRun("op-1"), False),
    (document("op-1", "Running", 0), SilentRun("op-1"), True),
    (document("op-1", "Running", 68), SilentRun("op-1", 67, "Discovery"), True),
    (document("op-1", "Running", 67), SilentRun("op-1", 67, "Loading"), True),
    (document("op-1", "Failed", 67), SilentRun("op-1", 67, "Discovery"), True),
])  # fmt: skip
async def test_what_is_known_is_no_sign_of_life(now: dict[str, Any], known: SilentRun, news: bool) -> None:
    assert bool(await round_of(Api({"op-1": now}), Known([known]))) is news


async def test_a_process_that_starts_asks_about_every_run_at_once_and_later_about_the_silent_ones() -> None:
    known = Known(["op-1"])
    rounds, _ = rounds_of(Api({"op-1": document("op-1", "Completed")}), known)
    await rounds.tick(NOW)
    await rounds.tick(NOW + PERIOD)
    assert known.periods == [(STARTING, 0), (PERIOD, QUIET)]
    assert known.done == [NOW, NOW + PERIOD]


async def test_a_round_that_was_cut_short_is_taken_up_by_the_next() -> None:
    api = Api({"op-1": document("op-1", "Completed"), "op-2": PlatformError("GET: 503", temporary=True)})
    known = Known([])
    assert [event.subject for event in await round_of(api, known)] == ["op-1"]
    assert known.done == []


async def test_an_outcome_is_told_with_its_own_time_and_its_error() -> None:
    ended = datetime.fromtimestamp(NOW - 100, UTC)
    error = {"code": "SOURCE_TIMEOUT", "message": "The extractor did not answer."}
    times = {"op-1": ended.isoformat(), "op-2": "soon", "op-3": 7, "op-4": "2999-01-01T00:00:00Z"}
    api = Api({name: document(name, "Failed", endTime=at, error=error) for name, at in times.items()})
    taken = await round_of(api, Known([*times]))
    assert [event.occurred_at for event in taken] == [ended, *[datetime.fromtimestamp(NOW, UTC)] * 3]
    assert all(event.error == error for event in taken)
