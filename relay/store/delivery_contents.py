"""What a delivery that waits or is dead would tell, read without touching it."""

from collections.abc import Sequence
from dataclasses import dataclass

from relay.domain.deliveries import DeliveryOptions, Kind
from relay.domain.events import Event
from relay.domain.parsing import load
from relay.store.bundles import BUNDLE_KINDS
from relay.store.client import call
from relay.store.dead_letters import NAME
from relay.store.queue import Store
from relay.store.records import documents_of
from relay.store.sealing import BODY, opened
from relay.store.target_plan import delivery_options_of

FIELDS = ("destination", "channel", "address", "kind", "event", "operation", "limits")


@dataclass(frozen=True, slots=True)
class Content:
    """`event` is what it is about, of a live message the newest; `history` what is known of the operation beside it."""

    destination: str
    channel: str
    address: str
    kind: Kind
    event: Event
    history: Sequence[Event]
    options: DeliveryOptions | None


class DeliveryContents:
    """Every failure is StoreUnavailable, or Unsealable."""

    def __init__(self, store: Store) -> None:
        self._redis = store.redis
        self._partitions = store.partitions
        self._bundles = store.bundles
        self._sealer = store.sealer

    async def of(self, name: str) -> Content | None:
        """Of the delivery of this id; None if it is gone, or what it would tell is no longer known."""
        if not NAME.match(name):
            return None
        where = self._partitions.of(name)
        row = await call(self._redis.hmget(where.key(f"delivery:{name}"), *FIELDS))
        if row[0] is None:
            return None
        destination, channel, address, kind, digest, operation = [(value or b"").decode() for value in row[:6]]
        history = await self._history(operation)
        if kind in BUNDLE_KINDS:
            bundle = name.partition("-")[0]  # of a rolling message's deliveries each has a number behind it
            event: Event | None = await self._bundles.look(bundle)
        elif digest:
            body = await call(self._redis.hget(where.key(f"event:{digest}"), "body"))
            event = load(opened(self._sealer, body, BODY, operation)) if body else None
        else:
            event = history[-1] if history else None
        if event is None:
            return None
        options = delivery_options_of(row[6]) if row[6] else None
        shown: Kind = BUNDLE_KINDS.get(kind, kind)  # type: ignore[arg-type]
        return Content(destination, channel, address, shown, event, history, options)

    async def _history(self, operation: str) -> list[Event]:
        """The newest event of each name, oldest first."""
        if not NAME.match(operation):
            return []
        fields = await call(self._redis.hgetall(self._partitions.of(operation).key(f"operation:{operation}")))
        return [load(opened(self._sealer, body, BODY, operation)) for body in documents_of(fields)]
