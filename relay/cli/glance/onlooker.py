"""How a relay is, by its store alone: the facts of the console's first page, for whoever is no process of relay's."""

import asyncio
from collections.abc import Mapping
from typing import Any

from relay.background.blockers import DeliveryBlockers
from relay.cli.session import StoreSession
from relay.console.desk import Vantage
from relay.console.views.now import NowFacts, seen
from relay.errors import ConfigError, StoreUnavailable
from relay.health import PATIENCE, room_in
from relay.interactivity.executor import CHANNEL as PLATFORM
from relay.receiving.probes import Readiness

MOST = 200  # runs that are asked for
LONGEST = 5.0  # seconds that a look may take
OF_ONE_PROCESS = ("accepted", "duplicates", "late", "refused")  # a source's requests, which no other process knows


class Onlooker:
    """It says what `/readyz?verbose` says, but for what only a process of relay's knows of itself.

    It gives no sign of life and announces no configuration, so that no relay takes it for another one.
    """

    def __init__(self, session: StoreSession) -> None:
        self._session = session
        self._blockers = DeliveryBlockers(session.store, lambda: session.config, session.clock, (PLATFORM,))

    async def look(self) -> NowFacts:
        """StoreUnavailable if Redis does not answer."""
        session = self._session
        vantage = Vantage(
            store=session.store,
            admin=self._blockers.admin,
            config=lambda: session.config,
            readiness=self._readiness,
            clock=session.clock,
        )
        try:
            async with asyncio.timeout(LONGEST):
                facts = await seen(vantage, MOST)
        except TimeoutError:
            raise StoreUnavailable(f"no answer within {LONGEST:g} s") from None
        if facts.redis is None:
            raise StoreUnavailable(facts.checks["redis"])
        return facts

    async def _readiness(self) -> Readiness:
        store, redis = self._session.store, self._session.config.redis
        checks, fullness, away = {"redis": "ok"}, 0.0, dict[int, str]()
        try:
            async with asyncio.timeout(PATIENCE):
                await store.prepare(redis.durability, redis.replicas)
                fullness = await store.fullness()
                away = store.away | await store.probe()
                checks |= await self._blockers.checks()
        except TimeoutError:
            checks["redis"] = f"no answer within {PATIENCE:g} s"
        except (StoreUnavailable, ConfigError) as error:
            checks["redis"] = str(error)
        takes, lacks = room_in(store, fullness, away)
        return Readiness(takes and checks["redis"] == "ok", {**checks, "durability": store.promise.durability, **lacks})


def as_json(facts: NowFacts) -> Mapping[str, Any]:
    """As `/api/v1/now` gives it, without what only the process knows that is asked there."""
    return facts.model_dump(mode="json", exclude={"sources": {"__all__": set(OF_ONE_PROCESS)}})
