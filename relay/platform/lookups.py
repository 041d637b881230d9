"""Lookups at the platform: the results of a run, its state, and which runs began."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from relay.domain.events import FAILED
from relay.domain.facts import Space
from relay.errors import PlatformError
from relay.platform.client import PAGE_SIZE, OperationsClient
from relay.platform.settings import Platform


@dataclass(eq=False)
class Lookups:
    """Lookups at the configured platform, whose name in sources is `name`. Every call raises PlatformError."""

    settings: Callable[[], Platform]
    name: Callable[[], str] = lambda: ""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    _clients: dict[Platform, OperationsClient] = field(default_factory=dict)  # the old ones too: they may be waiting

    @property
    def configured(self) -> bool:
        """Return whether a project is configured; an address alone serves for links only."""
        return configured(self.settings())

    @property
    def client(self) -> OperationsClient:
        settings = self.settings()
        if settings not in self._clients:
            self._clients[settings] = client_of(settings, sleep=self.sleep)
        return self._clients[settings]

    def ours(self, space: Space) -> bool:
        """Return whether this is the configured project."""
        settings = self.settings()
        return is_within(space, Space(self.name(), settings.tenant, settings.project))

    async def results(self, operation: str) -> dict[str, Any]:
        return (await self.client.results(operation)).sent()

    async def document(self, operation: str) -> dict[str, Any]:
        """Return its state, with the error that its results name where the state of a failure has none."""
        document = (await self.client.status(operation)).sent()
        if document["status"] in FAILED and not document.get("error"):
            try:
                error = (await self.results(operation)).get("error")
            except PlatformError as refusal:
                if refusal.temporary:
                    raise
                error = None  # this platform keeps no results of what failed
            if error:
                document["error"] = error
        return document

    async def since(self, when: datetime, limit: int) -> list[str]:
        """List the ids of the operations that began at this time or later, newest first."""
        listed = self.client.all_operations(date_from=when, pages=-(-limit // PAGE_SIZE))
        return [operation.operation_id async for operation in listed]

    async def aclose(self) -> None:
        for client in self._clients.values():
            await client.aclose()


def is_within(space: Space, configured: Space) -> bool:
    """Return whether the configured platform may be asked about ids of this space; parts that are not stated may fit.

    Never about another platform's, also where the configured one has no name: it may have a run with the same id.
    """
    return all(not stated or stated == part for stated, part in zip(space, configured, strict=True))


def configured(settings: Platform) -> bool:
    return bool(settings.base_url and settings.tenant and settings.project)


def client_of(settings: Platform, **more: Any) -> OperationsClient:
    """Build the client of this configuration."""
    token = settings.token.get_secret_value()
    return OperationsClient(settings.base_url, tenant=settings.tenant, project=settings.project, token=token, **more)
