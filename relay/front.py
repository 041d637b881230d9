"""The receiver and the console, each on its listener."""

import os
from collections.abc import Callable, Iterable, Mapping

from relay.background.upkeep import SilenceWatch
from relay.channels import CHANNELS
from relay.console.context import Context
from relay.console.mount import OpenConsole
from relay.coordinator import Coordinator
from relay.domain.tokens import Signing
from relay.health import Health
from relay.ingest import IngestEvent
from relay.memory import Memory, available
from relay.outage import Outage
from relay.receiving.addresses import Addresses, Route
from relay.receiving.guard import Guard
from relay.receiving.key_cache import Fetch, KeyCache
from relay.receiving.listeners import Listeners, make_admin_app
from relay.receiving.peers import Proxies, network
from relay.receiving.receiver import Receiver
from relay.receiving.server import possible_connections
from relay.receiving.sources import Source
from relay.store import Store
from relay.store.audit import AuditTrail
from relay.store.last_runs import LastRuns
from relay.tracing import Spans


class Front:
    """`receives`: whether sources reach anything here. `addresses` and `admin_addresses` are known once it listens."""

    def __init__(self, coordinator: Coordinator, clock: Callable[[], float], *, receives: bool, fetch: Fetch) -> None:
        self._coordinator = coordinator
        self._clock = clock
        self._receives = receives
        self._keys = KeyCache(fetch, clock)
        self.addresses: list[tuple[str, int]] = []
        self.admin_addresses: list[tuple[str, int]] = []

    def receiver(
        self, ingest: IngestEvent, health: Health, outage: Outage, tracing: Spans | None, store: Store
    ) -> Receiver:
        """Build the receiver. Sources are read anew with the configuration."""
        server = self._coordinator.config().server
        receiver = Receiver(
            self._sources(),
            ingest,
            store.bodies.keep,
            health.readiness,
            self._clock,
            self._keys,
            max_body=server.max_body,
            public_url=server.public_url,
            last_runs=LastRuns(store),
            remember=store.bodies.add,
            outage=outage,
            tracing=tracing,
        )
        self._coordinator.subscribe(lambda: receiver.reload(self._sources()))
        return receiver

    def console(
        self,
        receiver: Receiver,
        health: Health,
        ingest: IngestEvent,
        audit: AuditTrail,
        *,
        store: Store,
        signing: Signing,
        silences: SilenceWatch,
    ) -> OpenConsole:
        """Return what operators look at, and what commands ask; it wants to be closed."""
        coordinator = self._coordinator
        context = Context(
            store=store,
            signing=signing,
            admin=health.admin,
            config=coordinator.config,
            renderer=coordinator.renderer,
            readiness=receiver.probes.readiness,
            ingest=ingest,
            audit=audit,
            kinds=CHANNELS,
            channels=coordinator.channels,
            refresh_silences=silences.look,
            reload=coordinator.reload,
            operators_url=lambda: self.operators_url,
            own_url=lambda: _url(self.addresses[0]),
            clock=self._clock,
        )
        return OpenConsole(context, coordinator.config().server.admin)

    async def listen(self, receiver: Receiver, routes: Iterable[Route], console: OpenConsole) -> Listeners:
        """Serve the world what the receiver takes, and these; and operators what is theirs. Raises CannotListen."""
        server, public = self._coordinator.config().server, Addresses([*receiver.routes(), *routes])
        operators = make_admin_app(receiver.probes, server.admin, public.paths, console.auth)
        console.add_to(operators)
        listeners = await Listeners.open(
            (public.answer, server.host, server.port),
            (operators, server.admin.host, server.admin_port),
            guard=self._guard(),
            reuse_port=server.reuse_port,
        )
        self.addresses, self.admin_addresses = listeners.world.addresses, listeners.operators.addresses
        await console.commands.open(self._coordinator.config().data_dir)
        return listeners

    @property
    def operators_url(self) -> str:
        """The address of the operators' listener, shown to a person who starts relay by hand."""
        host, port = self.admin_addresses[0]
        named = os.uname().nodename if host in ("0.0.0.0", "::") else host  # noqa: S104 - compared
        return _url((named, port))

    def _guard(self) -> Guard:
        """Return the limits of what strangers may take of this process."""
        config = self._coordinator.config()
        server = config.server
        return Guard(
            max_connections=possible_connections(),
            memory=max(2 * server.max_body, Memory.shared(available()).bodies),
            proxies=Proxies(network(text) for text in server.trusted_proxies),
        )

    def _sources(self) -> Mapping[str, Source]:
        return self._coordinator.config().sources if self._receives else {}


def _url(address: tuple[str, int]) -> str:
    host, port = address
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
