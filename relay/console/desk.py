"""What views and actions ask: built once where all parts are known, and the same for every request."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from relay.authoring.configured import workspace_of
from relay.authoring.gallery import Gallery
from relay.config import Config
from relay.coordinator import Reload
from relay.ingest import IngestEvent
from relay.receiving.probes import Readiness
from relay.rendering import IsolatedRenderer
from relay.store import Store
from relay.store.admin import Admin
from relay.store.audit import AuditTrail


@dataclass(frozen=True)
class Vantage:
    """What shows how relay is, to the console and to a terminal. `config` is the current one: ask each time.

    readiness  what `/readyz?verbose` says, as far as whoever asks can know
    clock      seconds since the epoch
    """

    store: Store
    admin: Admin
    config: Callable[[], Config]
    readiness: Callable[[], Awaitable[Readiness]]
    clock: Callable[[], float]


@dataclass(frozen=True)
class Desk(Vantage):
    """`renderer` and `channels` are the current ones too.

    ingest     the way of an event from the quarantine into relay
    kinds      the channels there are, by name; `channels` are those that are open
    refresh_silences  makes this process go by the silences that Redis has now
    reload     reads the configuration again, with who asks for it
    """

    renderer: Callable[[], IsolatedRenderer]
    ingest: IngestEvent
    audit: AuditTrail
    kinds: Mapping[str, Any]
    channels: Mapping[str, Any]
    refresh_silences: Callable[[], Awaitable[None]]
    reload: Callable[..., Reload]

    @cached_property
    def gallery(self) -> Gallery:
        """The templates for whoever looks at them; of a process of its own, so it has to be closed."""
        return Gallery(lambda: workspace_of(self.config()))
