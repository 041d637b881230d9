"""What the questions of relay.store.queries lack of the classes that they stand for, whose callers still ask for it."""

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any

from redis.asyncio import Redis

from relay.domain.deliveries import Delivery
from relay.engine import causes
from relay.store import (
    admin,
    dead_pages,
    history,
    jobs,
    lanes,
    operations,
    operator_pauses,
    reachability,
    reconciliation,
    run_names,
    running,
    runs,
    silences,
    suppressions,
    waiting,
)
from relay.store.quarantine import Quarantine
from relay.store.queries.admin import Admin
from relay.store.queries.dead_letters import DeadPages
from relay.store.queries.history import History
from relay.store.queries.jobs import Jobs
from relay.store.queries.operations import Operations
from relay.store.queries.operator_pauses import OperatorPauses
from relay.store.queries.reachability import Reachability
from relay.store.queries.reconciliation import ReconciliationState
from relay.store.queries.run_names import RunNames
from relay.store.queries.runs import Running, Runs
from relay.store.queries.silences import SilenceList
from relay.store.queries.suppressions import Suppressions
from relay.store.queries.waiting import Lanes, Waiting
from relay.store.silences import Reading
from tests.support.engine_store import Shared


class EngineCauses:
    """Of relay.store.causes.Causes."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared

    async def call(self, delivery: Delivery, called: Sequence[str]) -> tuple[str, ...]:
        if not called:
            return ()
        d = self._shared.draft()
        claimed = causes.claim_mentions(d, delivery.group, called, delivery.id, int(delivery.window * 1000))
        self._shared.memory.apply(d.changes, d.now)
        return tuple(claimed)


class EngineAdmin(Admin):
    def __init__(self, store: Any, **_: Any) -> None:
        super().__init__(store)
        self._bodies = Quarantine(store.redis, store.sealer)
        self.quarantine, self.release = partial(self._bodies.keep, fault=False), self._bodies.release
        self.quarantined_body = self._bodies.named
        self._lists = isinstance(store.redis, Redis)

    async def quarantined(self, *, limit: int = 100) -> list[Any]:
        return await self._bodies.newest(limit)

    async def announce(  # type: ignore[override]
        self,
        addresses: Mapping[str, Sequence[str]],
        aware: Collection[int] = (),
        channels: Mapping[str, str] | None = None,
    ) -> set[int]:
        if 0 not in aware:
            where = channels or {}
            await super().announce({name: {where.get(name, ""): them} for name, them in addresses.items()})
        return {0}

    async def unread(self) -> int:
        return 0

    async def faults(self) -> int:
        return await self._bodies.faults() if self._lists else 0

    async def quarantine_size(self) -> int:
        return await self._bodies.size() if self._lists else 0


class EngineSilences(SilenceList):
    async def read(self, version: str) -> Reading:  # type: ignore[override]
        reading = await super().read(version)
        return Reading(reading.version, reading.silences)

    async def lift(self, lifting: Sequence[tuple[str, int]]) -> None:
        """What a silence held is released in the step that ends it."""


ALIKE: dict[type, type] = {  # what stands for the class that reads a store in Redis
    admin.Admin: EngineAdmin,
    dead_pages.DeadPages: DeadPages,
    history.History: History,
    jobs.Jobs: Jobs,
    operations.Operations: Operations,
    operator_pauses.OperatorPauses: OperatorPauses,
    reachability.Reachability: Reachability,
    reconciliation.ReconciliationState: ReconciliationState,
    lanes.Lanes: Lanes,
    run_names.RunNames: RunNames,
    running.Running: Running,
    runs.Runs: Runs,
    silences.SilenceList: EngineSilences,
    suppressions.Suppressions: Suppressions,
    waiting.Waiting: Waiting,
}
