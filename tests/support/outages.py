"""Outages of Slack and of a mail server, and a relay between these. An outage lasts as long as its context."""

import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from relay.channels import CHANNELS
from relay.config import parse_config
from relay.store import Store
from relay_sandbox.standins.slack import Fault, SlackStandin
from tests.support.clock import Clock
from tests.support.flow import POST, UPDATE, Flow
from tests.support.flow_events import AT_ONCE, event_of
from tests.support.scripted_smtp import FIN, TAKEN, Reply, ScriptedSmtp
from tests.support.stage import SECRET

LOOPBACK = "127.0.0.1"
SLACK_HOST, HOOKS_HOST, MAIL_HOST = "slack.localhost", "hooks.localhost", "mail.localhost"

# Limits far above the traffic, so that what is late is late for the outage's sake.
POSTS = 20  # a second
EDITS = 900  # a minute
CONFIG = """
sources: {async-operations: {signature: {secrets: {current: "%(secret)s"}}}}
channels:
  slack:
    {token: xoxb-1-flow, base_url: "%(slack)s", new_message_limit: off, posts_per_second: %(posts)s,
     webhooks: {"#alerts": "%(webhook)s"}}
  email: {host: %(mail)s, port: %(smtp)s, tls: none, from: "Operations <relay@example.com>"}
destinations:
  team: {slack: "#team", mode: live, live: {%(live)s}, group_errors: off}
  room: {slack: "#room", mode: each, group_errors: off}
  alerts: {slack: "#alerts", mode: each, group_errors: off}
  analysts: {email: analyst@example.com, group_errors: off}
rules:
  - {name: live, events: ["operation.*"], tenants: [slack, both], notify: [team]}
  - {name: each, events: [operation.failed], tenants: [room], notify: [room]}
  - {name: webhook, events: [operation.failed], tenants: [webhook], notify: [alerts]}
  - {name: mails, events: [operation.failed], tenants: [email, both], notify: [analysts]}
"""


@dataclass
class World:
    """A relay in a time of its own, the other sides, which can fail, and the names that cannot be resolved."""

    slack: SlackStandin
    smtp: ScriptedSmtp
    flow: Flow
    unknown_hosts: set[str]

    async def fails(self, run: str, tenant: str, **operation: Any) -> None:
        """A run of the tenant fails now, of which nobody has heard before."""
        operation = {"operationId": run, "operationName": f"Run {run}", "status": "Failed", **operation}
        error = {"code": f"E_{run}", "message": f"{run} has no source"}
        await self.flow.send(event_of("operation.failed", 60, **operation) | {"error": error, "tenantId": tenant})

    async def new_process(self) -> None:
        """Replace the relay by one that has no connection and no name in its memory."""
        await self.close()
        self.flow.restart()

    async def close(self) -> None:
        """Close the connections of all processes."""
        for channel in self.flow.channels:
            await channel.aclose()
        self.flow.channels.clear()


@asynccontextmanager
async def world(open_store: Callable[..., Store], clock: Clock) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        slack = await stack.enter_async_context(SlackStandin(clock=clock, posts_per_second=POSTS))
        smtp = await stack.enter_async_context(ScriptedSmtp())
        unknown = stack.enter_context(name_service())
        stack.enter_context(patch("relay.channels.slack.channel.EDITS_PER_MINUTE", EDITS))
        text = config_text(slack, smtp)
        flow = Flow(parse_config(text, env={}, channels=CHANNELS), slack, clock, open_store)
        for conversation in ("#team", "#room", "#alerts"):
            slack.workspace.conversation(conversation, create=True)
        world = World(slack, smtp, flow, unknown)
        stack.push_async_callback(world.close)
        yield world


def config_text(slack: SlackStandin, smtp: ScriptedSmtp) -> str:
    """Return a relay's configuration in which each host has a name of `name_service`."""
    return CONFIG % {
        "slack": slack.base_url.replace(LOOPBACK, SLACK_HOST),
        "webhook": slack.webhook("#alerts").replace(LOOPBACK, HOOKS_HOST),
        "mail": MAIL_HOST, "smtp": smtp.port, "posts": POSTS, "live": AT_ONCE, "secret": SECRET,
    }  # fmt: skip


def port_of(slack: SlackStandin) -> int:
    return int(slack.url.rstrip("/").rpartition(":")[2])


@contextmanager
def name_service() -> Iterator[set[str]]:
    """Resolve names under `.localhost` to loopback, but for those in the set, which nobody knows."""
    unknown: set[str] = set()
    real = socket.getaddrinfo

    def getaddrinfo(host: str, *arguments: Any, **options: Any) -> Any:
        if host in unknown:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return real(LOOPBACK if str(host).endswith(".localhost") else host, *arguments, **options)

    with patch("socket.getaddrinfo", getaddrinfo):
        yield unknown


Outage = Callable[[World], AbstractAsyncContextManager[None]]


def answered(fault: Fault, *methods: str) -> Outage:
    """Slack answers these methods so, or all."""

    @asynccontextmanager
    async def outage(world: World) -> AsyncIterator[None]:
        world.slack.outages.update(dict.fromkeys(methods or ("*",), fault))
        yield
        world.slack.outages.clear()

    return outage


def replied(stage: str, reply: Reply) -> Outage:
    """The mail server does this at a stage of the dialogue."""

    @asynccontextmanager
    async def outage(world: World) -> AsyncIterator[None]:
        if stage == "banner":  # a connection that is open already has had its own
            world.smtp.disconnect()
        world.smtp.outages[stage] = reply
        yield
        world.smtp.outages.clear()

    return outage


@asynccontextmanager
async def slack_refuses(world: World) -> AsyncIterator[None]:
    port = port_of(world.slack)
    await world.slack.stop()
    yield
    await world.slack.start(port=port)


@asynccontextmanager
async def mail_refuses(world: World) -> AsyncIterator[None]:
    world.smtp.refuse()
    yield
    await world.smtp.listen()


def unresolvable(host: str) -> Outage:
    @asynccontextmanager
    async def outage(world: World) -> AsyncIterator[None]:
        world.unknown_hosts.add(host)
        await world.new_process()  # a name is remembered for seconds of the machine's own clock
        yield
        world.unknown_hosts.clear()

    return outage


HTML = {"Content-Type": "text/html"}
PAGE = b"<!doctype html><title>Sorry</title><p>Something is not right."
LOGIN = Fault(status=302, body=PAGE, headers=HTML | {"Location": "https://login.example.com/"})

SLACK_OUTAGES: Mapping[str, Outage] = {
    "503-html": answered(Fault(status=503, body=PAGE, headers=HTML)),
    "500-empty": answered(Fault(status=500, body=b"")),
    "reset": answered(Fault(close=True)),
    "fatal_error": answered(Fault(error="fatal_error"), POST, UPDATE),
    "fatal_error-posted": answered(Fault(error="fatal_error", applied=True), POST, UPDATE),
    "internal_error": answered(Fault(error="internal_error", status=500), POST, UPDATE),
    "unresolvable": unresolvable(SLACK_HOST),
    "refused": slack_refuses,
    "login-page": answered(LOGIN),
    "200-html": answered(Fault(body=PAGE, headers=HTML)),
    "service_unavailable": answered(Fault(error="service_unavailable", status=503)),
}
MAIL_OUTAGES: Mapping[str, Outage] = {
    "mail-cut-after-dot": replied("dot", FIN),
    "mail-taken-then-cut": replied("dot", TAKEN),
    "mail-cut-at-rcpt": replied("rcpt", FIN),
    "mail-refused": mail_refuses,
    "mail-421": replied("banner", "421 4.3.2 shutting down"),
    "mail-451": replied("dot", "451 4.3.0 mail server temporarily rejected message"),
    "mail-unresolvable": unresolvable(MAIL_HOST),
}
OUTAGES = SLACK_OUTAGES | MAIL_OUTAGES
# A mail's outcome cannot be found out: the same mail goes again after a quarter of an hour at the earliest.
UNCERTAIN = ("mail-cut-after-dot", "mail-taken-then-cut")
