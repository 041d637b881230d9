"""Lines for the person who watches the demo, and what the demo does to its relay as commands do."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html import unescape

from relay.background.upkeep import at_hand
from relay.channels import CHANNELS
from relay.config import OPERATOR, Config
from relay.console.access.login_flow import MINUTES, make_link
from relay.domain.tokens import Signing
from relay.errors import PlatformError
from relay.platform import OperationsClient
from relay.store import Store
from relay.store.audit import Act, AuditTrail
from relay.store.embedded.server import running_url
from relay.store.sessions import Sessions
from relay_sandbox.demo.story import ROOM
from relay_sandbox.standins.inbox import Inbox
from relay_sandbox.standins.slack import SlackStandin
from relay_sandbox.standins.slack_records import GROUPS, SlackCall

POLL_INTERVAL = 0.3  # seconds between two looks at the platform


@dataclass(frozen=True)
class DemoEvent:
    """One line for the person who watches: who did what."""

    actor: str  # platform, sender, slack or mail
    text: str
    detail: str = ""
    expected: bool = True


async def watch_platform(platform: OperationsClient, show: Callable[[DemoEvent], None]) -> None:
    """Show every state and phase that an operation comes to, as the API has it."""
    last_states: dict[str, tuple[str, str]] = {}
    while True:
        with contextlib.suppress(PlatformError):
            for operation in reversed((await platform.operations(page_size=20)).operations):
                now = operation.status, operation.phase
                if last_states.get(operation.operation_id) != now:
                    last_states[operation.operation_id] = now
                    name, running = operation.operation_name or operation.operation_id, operation.status == "Running"
                    progress = f"{operation.progress.percentage or 0:.0f} %  {operation.phase}" if running else ""
                    show(DemoEvent("platform", f"{name}  {operation.status}", progress))
        await asyncio.sleep(POLL_INTERVAL)


async def watch_slack(slack: SlackStandin, show: Callable[[DemoEvent], None]) -> None:
    shown = 0

    def more() -> bool:
        return len(slack.calls) > shown

    while True:
        await slack.wait_for(more, timeout=86_400)
        for call in list(slack.calls)[shown:]:
            shown += 1
            if call.method in ("chat.postMessage", "chat.update"):
                show(DemoEvent("slack", f"{_action(call)} {ROOM}", _readable(str(call.arguments.get("text", "")))))


async def watch_inbox(inbox: Inbox, show: Callable[[DemoEvent], None]) -> None:
    shown = 0

    def more() -> bool:
        return len(inbox.mails) > shown

    while True:
        await inbox.wait_for(more, timeout=86_400)
        for mail in list(inbox.mails)[shown:]:
            shown += 1
            show(DemoEvent("mail", f"to {mail.recipient}", mail.subject))


def _action(call: SlackCall) -> str:
    if call.method == "chat.update":
        return "edited in place in"
    if not call.arguments.get("thread_ts"):
        return "new message in"
    return "reply to everybody in" if call.arguments.get("reply_broadcast") else "reply in the thread in"


def _readable(text: str) -> str:
    """Put in the names of those who are called, as Slack shows them."""
    for group in GROUPS:
        text = text.replace(f"<!subteam^{group.id}>", f"@{group.handle}")
    return unescape(text)


DEMO = "the demo"  # who makes the link


async def send_now(config: Config) -> None:
    """Send every digest, as `relay digest DESTINATION --send` does: no demo is watched until tomorrow morning."""
    async with _store(config) as store:
        for destination in config.destinations.values():
            if destination.mode == "digest":
                for target, window in at_hand(destination, config, CHANNELS, time.time()):
                    await store.bundles.send_now(target, window)


async def link_into_console(config: Config, base: str) -> str:
    """Return a login link, as `relay console link --role operator` does."""
    async with _store(config) as store:
        trail = AuditTrail(store.plain)
        async with trail.act(Act(DEMO, "console link", OPERATOR, {"minutes": f"{MINUTES}"})):
            signing = Signing(lambda: config.signing_secrets)
            return await make_link(Sessions(store), signing, base, OPERATOR, DEMO, now=time.time())


@asynccontextmanager
async def _store(config: Config) -> AsyncIterator[Store]:
    """Open the store of the relay that runs with this configuration."""
    store = Store.open(await running_url(config.data_dir) or "", process="demo", may_own=False)
    try:
        await store.prepare(config.redis.durability, config.redis.replicas)
        yield store
    finally:
        await store.aclose()
