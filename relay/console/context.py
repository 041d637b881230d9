"""The parts that views and actions use: built once, and the same for every request."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from relay.config import Config
from relay.console.access import Identity
from relay.coordinator import Reload
from relay.domain.tokens import Signing
from relay.ingest import IngestEvent
from relay.operating.clocks import moment
from relay.receiving.probes import Readiness
from relay.rendering import IsolatedRenderer
from relay.store import Store
from relay.store.audit import COMMAND, Act, AuditTrail
from relay.store.queries.admin import Admin


@dataclass(frozen=True)
class Context:
    """Parts that views and actions use. `config`, `renderer` and `channels` are the current ones: ask each time.

    kinds             all channels by name; `channels` are the open ones
    refresh_silences  applies the silences of Redis in this process
    own_url           address of this process's public listener; `operators_url` that of the admin listener
    """

    store: Store
    signing: Signing
    admin: Admin
    config: Callable[[], Config]
    readiness: Callable[[], Awaitable[Readiness]]
    clock: Callable[[], float]
    renderer: Callable[[], IsolatedRenderer]
    ingest: IngestEvent
    audit: AuditTrail
    kinds: Mapping[str, Any]
    channels: Mapping[str, Any]
    refresh_silences: Callable[[], Awaitable[None]]
    reload: Callable[..., Reload]
    own_url: Callable[[], str]
    operators_url: Callable[[], str]

    @property
    def zone(self) -> str:
        return self.config().timezone

    def act(
        self, identity: Identity, action: str, subject: str, *, address: str = "", **detail: str
    ) -> AbstractAsyncContextManager[Act]:
        """Write down in the audit trail what is done inside, and who does it. StoreUnavailable: nothing is done."""
        return self.audit.act(Act(identity.name, action, subject, {**detail, **way_of(identity)}, address=address))


def way_of(identity: Identity) -> dict[str, str]:
    """Return how an identity acts, as detail for the audit trail."""
    if identity.via != COMMAND:
        return {"by": f"console ({identity.via})"}
    return {"by": COMMAND, **({"run_as": identity.run_as} if identity.run_as else {})}


def seconds_of(context: Context, when: str) -> float | None:
    """Return the time that it means by the relay's zone, in seconds since the epoch; None for ''."""
    return moment(when, context.config().timezone, context.clock()).timestamp() if when else None
