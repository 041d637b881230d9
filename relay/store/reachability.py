"""States of channels and destinations as delivering recorded them, with who paused what and how much waits for it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from relay.policy.reachability import OPERATOR, Configuration, Record, State, States, scopes, state_of
from relay.store.backlog import Backlog
from relay.store.client import call
from relay.store.everywhere import Everywhere
from relay.store.operator_pauses import OperatorPauses
from relay.store.partitions import Partition
from relay.store.queue import Store
from relay.store.sealing import ANSWER, text_to_show

FIELDS = ("works", "since", "failed", "cause", "refused")


class Reachability:
    """Reads it of all partitions. Every failure is StoreUnavailable."""

    def __init__(self, store: Store, *, partial: bool = False) -> None:
        """`partial`: partitions that are away are left out."""
        self._everywhere = Everywhere(store, partial=partial)
        self._backlog = Backlog(self._everywhere)
        self._pauses = OperatorPauses(store, partial=partial)

    async def states(self, config: Configuration, now: float) -> States:
        """Return the state of all scopes of this configuration, and operator:<destination> of what people paused."""
        states = await self.of(scopes(config), [*config.channels])
        pauses = await self._pauses.all(now)
        parked = await self._backlog.parked([*config.channels], [f"{OPERATOR}{row.destination}" for row in pauses])
        return states | {
            scope: State("paused", row.since, row.reason, by=row.by, until=row.until, parked=parked.get(scope, 0))
            for row in pauses
            for scope in [f"{OPERATOR}{row.destination}"]
        }

    async def of(self, scopes: Sequence[str], channels: Sequence[str]) -> dict[str, State]:
        """Return the state of these scopes; `channels` are those whose deliveries may wait for them."""

        async def ask(partition: Partition) -> list[Any]:
            async with self._everywhere.redis.pipeline(transaction=False) as pipeline:
                for scope in scopes:
                    pipeline.hmget(partition.key(f"state:{scope}"), FIELDS)
                return list(await call(pipeline.execute()))

        rows = await self._everywhere.of_each(ask) if scopes else []
        states = {
            scope: state_of([self._record(row) for row in of_scope if any(row)])
            for scope, of_scope in zip(scopes, zip(*rows, strict=True), strict=False)
        }
        failing = [scope for scope, state in states.items() if state.fails]
        parked = await self._backlog.parked(channels, failing)
        return {**states, **{scope: replace(states[scope], parked=parked.get(scope, 0)) for scope in failing}}

    def _record(self, row: Sequence[bytes | None]) -> Record:
        works, since, failed, cause, refused = ((value or b"").decode("utf-8", "replace") for value in row)
        worked, failing_since, last = (float(ms or 0) / 1000 for ms in (works, since, failed))
        return Record(worked, failing_since, last, text_to_show(self._everywhere.sealer, cause, ANSWER), refused == "1")
