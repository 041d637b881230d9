"""Receiving over real HTTP, with a list in place of the store."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import REGISTRY

from relay.domain.deliveries import Accepted
from relay.domain.events import Event
from relay.receiving.addresses import Addresses
from relay.receiving.guard import Guard
from relay.receiving.key_cache import Fetch, KeyCache, fetch
from relay.receiving.listeners import make_admin_app
from relay.receiving.operators import Admin
from relay.receiving.probes import Readiness
from relay.receiving.receiver import Receiver
from relay.receiving.server import GuardedRunner, serve
from relay.receiving.sources import Source
from tests.support.clock import Clock
from tests.support.sender import SECRET, Reply, Sender

READY = Readiness(ready=True, checks={"redis": "ok"})
TOKEN = "Tz4-the-token-of-the-callback"


def signed(scheme: str = "hmac-sha256", **settings: Any) -> dict[str, Any]:
    return {"signature": {"scheme": scheme, "secrets": {"current": SECRET}}, **settings}


SOURCES: Mapping[str, Mapping[str, Any]] = {
    "ops": signed(),
    "standard": signed("standard-webhooks"),
    "github": signed("github"),
    "stripe": signed("stripe"),
    "progress": {"event": "operation.progress", "signature": {"scheme": "token", "secrets": {"current": TOKEN}}},
    "completion": signed(event="operation.completed"),
    "open": {"signature": {"scheme": "none", "allow_unsigned": True}},
    "limited": signed(rate_limit={"count": 2, "period": 10}),
}


@dataclass
class Front:
    """A running receiver, and what it handed on."""

    receiver: Receiver
    runner: GuardedRunner
    operators: GuardedRunner
    clock: Clock
    guard: Guard
    events: list[Event] = field(default_factory=list)
    quarantined: list[tuple[str, bytes, dict[str, str], str]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)  # the reasons for which relay's own faults are kept

    @property
    def url(self) -> str:
        host, port = self.runner.addresses[0][:2]
        return f"http://{host}:{port}"

    async def operator(self, path: str, *headers: str, host: str = "localhost") -> Reply:
        """Return what an operator hears who asks for this."""
        address, port = self.operators.addresses[0][:2]
        lines = [f"GET {path} HTTP/1.1", f"Host: {host}", *headers, "", ""]
        return await Sender(f"http://{address}:{port}/").exchange("\r\n".join(lines).encode())

    def sender(self, source: str = "ops", **settings: Any) -> Sender:
        """A platform that may send to this source."""
        known = SOURCES.get(source, SOURCES["ops"])["signature"]
        secret = known.get("secrets", {}).get("current", SECRET)
        return Sender(f"{self.url}/webhooks/{source}", **{
            "scheme": known["scheme"], "secret": secret, "clock": self.clock, **settings
        })  # fmt: skip


@asynccontextmanager
async def receiving(
    *,
    ingest: Callable[[Event], Awaitable[Accepted]] | None = None,
    quarantine: Callable[..., Awaitable[str]] | None = None,
    readiness: Readiness = READY,
    sources: Mapping[str, Any] = SOURCES,
    max_body: int = 100_000,
    body_timeout: float = 5.0,
    admin: Admin = Admin(),  # noqa: B008 - nobody changes it
    guard: Guard | None = None,
    fetch: Fetch = fetch,
    **server: Any,
) -> AsyncIterator[Front]:
    """Serve `sources` on a free port. `ingest` and `quarantine` replace the lists; `server` goes to `serve`."""

    async def keep(event: Event, **_reach: Any) -> Accepted:
        front.events.append(event)
        return Accepted("accepted", deliveries=2)

    async def set_aside(*request: Any, fault: bool = False) -> str:
        front.quarantined.append(request)
        front.faults += [request[-1]] if fault else []
        return f"quarantine-{len(front.quarantined)}"

    async def ready() -> Readiness:
        return readiness

    clock = Clock()
    receiver = Receiver(
        {name: Source.model_validate(source) for name, source in sources.items()},
        ingest or keep,
        quarantine or set_aside,
        ready,
        clock,
        KeyCache(fetch, clock),
        max_body=max_body,
        body_timeout=body_timeout,
    )
    guard = guard or Guard()
    options = {"linger": 0.1, "grace": 5.0, "guard": guard, **server}
    public = Addresses(receiver.routes())
    runner = await serve(public.answer, "127.0.0.1", 0, **options)
    operators = await serve(make_admin_app(receiver.probes, admin, public.paths), "127.0.0.1", 0, grace=5.0)
    front = Front(receiver, runner, operators, clock, guard)
    try:
        yield front
    finally:
        await runner.cleanup()
        await operators.cleanup()


def count(metric: str, **labels: str) -> float:
    """Return what relay has counted under these labels."""
    return REGISTRY.get_sample_value(f"relay_{metric}_total", labels) or 0.0


def assert_problem(reply: Reply, status: int) -> None:
    assert reply.status == status
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.document["status"] == status
    assert {"type", "title", "detail"} <= reply.document.keys()
