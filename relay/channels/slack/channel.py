"""Slack: one message per event, or one per operation that is edited in place, with the outcome as a reply.

Slack knows no idempotency key, so a message is never posted twice here: https://docs.slack.dev/reference/methods/chat.postMessage.
One whose answer was lost is looked up before it is posted again (relay.channels.slack.search).
Its "channels" are called conversations throughout, since a channel is something else in relay.
"""

import asyncio
import contextlib
import math
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

import structlog
from pydantic import BaseModel

from relay.channels.slack.authority import Authority
from relay.channels.slack.client import POST, UPDATE, Client, Webhooks
from relay.channels.slack.directory import Directory
from relay.channels.slack.errors import APP, OPEN, UNTHREADABLE, FailureKind, SlackError, advice
from relay.channels.slack.messages import NO_PREVIEWS, Message, first_accepted, receipt_of
from relay.channels.slack.scopes import WRITE, Demands, lacking
from relay.channels.slack.search import Reachability, Search, metadata_of
from relay.channels.slack.settings import EDITS_PER_MINUTE, MODES, POSTS_PER_SECOND, SlackSettings, conversation_of
from relay.domain.deliveries import Limit, Notification, Receipt
from relay.domain.display import escape_mrkdwn

if TYPE_CHECKING:
    from relay.channels.slack.socket import Socket

log = structlog.get_logger(__name__)

POST_BURST = 3.0  # seconds' worth of new messages that a conversation takes at once

# Nothing becomes a link or a mention but what is written as one. An edit forgets these unless it is told again.
LITERAL = {"parse": "none", "link_names": False}

EPHEMERAL = "chat.postEphemeral"


class Slack:
    """The channel. An attempt ends at `deadline`, before the worker's limit: only here it is known what had left."""

    Settings: ClassVar[type[BaseModel]] = SlackSettings
    modes: ClassVar[tuple[str, ...]] = MODES
    max_concurrency: ClassVar = 16
    max_requested: ClassVar = 1
    timeout: ClassVar[float] = 15.0

    def __init__(
        self, settings: SlackSettings, *, clock: Callable[[], float] = time.monotonic, deadline: float = 0.9 * timeout
    ) -> None:
        token, proxy = settings.token.get_secret_value(), settings.proxy.get_secret_value()
        self._client = Client(token, settings.base_url, proxy, deadline=deadline)
        self._deadline = deadline
        self._settings, self._proxy = settings, proxy
        self._webhooks = Webhooks(settings.webhooks, proxy, deadline=deadline)
        self._token = bool(token)
        self._name = APP  # until Slack says otherwise
        self._directory = Directory(self._client.call, clock=clock, patience=deadline / 5)
        self._authority = Authority(self._client.call, clock=clock)
        self.is_allowed, self.unknown_names = self._authority.find, self._authority.unknown_names
        self._search = Search(self._client)

    @staticmethod
    def addresses(value: object) -> list[str]:
        """Read the one conversation of a destination; ValueError says what was expected instead."""
        return [conversation_of(value)]

    @staticmethod
    def limits(address: str, settings: SlackSettings | None = None) -> tuple[tuple[Limit, ...], tuple[Limit, ...]]:
        """Limit new messages per conversation, edits in the whole workspace.

        Of the edits a quarter may come at once, and nearly all of that is kept for outcomes. No minute sees more than
        are allowed, its burst included.
        """
        posts = settings.posts_per_second if settings else POSTS_PER_SECOND
        burst = EDITS_PER_MINUTE // 4
        return (
            (Limit(f"slack:post:{address}", 1 / posts, math.ceil(POST_BURST * posts)),),
            (Limit("slack:edit", 60 / (EDITS_PER_MINUTE - burst), burst, reserve=burst - 2, shared=True),),
        )

    @staticmethod
    def requested_address(name: str, allowed: Iterable[str]) -> str:
        """Return it in the configuration's spelling, so that it is one conversation in any spelling."""
        for conversation in allowed:
            if conversation.lstrip("#").casefold() == name.lstrip("#").casefold():
                return conversation
        raise ValueError("dynamic_destinations.slack does not list it")

    async def send(self, notification: Notification) -> Receipt:
        until = asyncio.get_running_loop().time() + self._deadline
        if notification.address in self._webhooks:
            return await self._webhooks.send(notification, until)
        if notification.kind in ("live", "roundup") and notification.thread.get("ts"):
            try:
                return await self._edit(notification, until)
            except SlackError as error:
                if error.kind is not FailureKind.GONE:
                    raise
                log.info("message.replaced", address=notification.address, subject=notification.subject, why=error.code)
        return await self._post(notification, until)

    async def probe(self, conversation: str) -> None:
        """Ask whether Slack answers. Nothing is posted. SlackError if it does not."""
        if conversation in self._webhooks:
            await self._webhooks.probe(conversation, asyncio.get_running_loop().time() + self._deadline)
        else:
            await self._client.call("auth.test", {})

    def finds(self, address: str) -> bool:
        return address not in self._webhooks and self._search.may(address)

    async def find(self, notification: Notification, since: datetime) -> Receipt | None:
        until = asyncio.get_running_loop().time() + self._deadline
        posted = await self._search.find(notification, since, until)
        return receipt_of(await self._directory.home(), notification, *posted) if posted else None

    async def check(self) -> str:
        """Describe the token's app. A webhook could be asked by a message alone."""
        conversations = ", ".join(self._settings.webhooks)
        webhooks = f"webhooks, not asked because that would post: {conversations}" if conversations else ""
        if not self._token:
            return webhooks
        answer = await self._client.call("auth.test", {})
        self._name = str(answer.get("user") or self._name)
        if self._client.scopes and WRITE not in self._client.scopes:  # not every Slack says
            text = f"the Slack app may not post: {advice('missing_scope', scope=WRITE)}"
            raise SlackError(text, "auth.test", FailureKind.WORKSPACE)
        socket = ""
        if self._settings.interactivity == "socket":
            async with contextlib.aclosing(self._app_client()) as client:  # asked where to connect to, no more
                await client.call(OPEN, {})
            socket = "presses come by a socket"
        return "; ".join([f"{self._name} in {answer.get('team', 'Slack')}", *filter(None, [socket, webhooks])])

    def lacking(self, demands: Demands) -> dict[str, str]:
        """Return the scopes that the app lacks for this, as of the last answer, with what goes missing."""
        return lacking(demands, self._client.scopes)

    async def reach(self, conversations: Iterable[str]) -> dict[str, str | None]:
        """Return what hinders posting in these (`Reachability.of`). SlackError if Slack does not answer."""
        return await Reachability(self._client.call, self._client.scopes, self._name).of(conversations)

    async def post_ephemeral(self, conversation: str, user: str, text: str) -> None:
        """Show a text to this person alone. SlackError if Slack does not take it."""
        await self._client.call(EPHEMERAL, {"channel": conversation, "user": user, "text": escape_mrkdwn(text)})

    def socket(self, take: Callable[[Mapping[str, Any]], Coroutine[Any, Any, bool]]) -> "Socket":
        """Build the connection by which presses come, with the app-level token. Its own `run` opens it."""
        from relay.channels.slack.socket import Socket  # noqa: PLC0415 - 12 ms, for those who have it

        secure = self._settings.base_url.startswith("https:")
        return Socket(self._app_client(), self._proxy, take, secure=secure)

    def _app_client(self) -> Client:
        token = self._settings.app_token.get_secret_value()
        return Client(token, self._settings.base_url, self._proxy, deadline=self._deadline)

    async def aclose(self) -> None:
        for part in (self._directory, self._authority, self._client, self._webhooks):
            await part.aclose()

    async def _edit(self, notification: Notification, until: float) -> Receipt:
        message = {"channel": notification.thread.get("channel", notification.address), "ts": notification.thread["ts"]}
        home = await self._directory.home()
        await self._deliver(UPDATE, message | LITERAL, notification, until)
        return receipt_of(home, notification, message)

    async def _post(self, notification: Notification, until: float) -> Receipt:
        root = notification.thread.get("ts", "") if notification.kind == "reply" else ""
        arguments: dict[str, Any] = {"channel": notification.address} | LITERAL | NO_PREVIEWS
        if root:
            arguments["channel"] = notification.thread.get("channel", notification.address)
            arguments |= {"thread_ts": root, "reply_broadcast": notification.broadcast}
        # Looked up before posting: whatever happens to that, nothing has left yet.
        home, mentions = await asyncio.gather(self._directory.home(), self._directory.mentions(notification.mentions))
        try:
            answer = await self._deliver(POST, arguments, notification, until, mentions)
        except SlackError as error:
            if not root or error.code not in UNTHREADABLE:
                raise
            del arguments["thread_ts"], arguments["reply_broadcast"]  # its thread is gone or locked: posted beside it
            answer = await self._deliver(POST, arguments, notification, until, mentions)
        posted = {"channel": str(answer.get("channel") or arguments["channel"]), "ts": str(answer.get("ts") or "")}
        return receipt_of(home, notification, posted, str(arguments.get("thread_ts", "")))

    async def _deliver(
        self, method: str, arguments: Mapping[str, Any], notification: Notification, until: float, mentions: str = ""
    ) -> Mapping[str, Any]:
        """Send one message, reduced for as long as Slack refuses its content."""

        async def post(version: Message) -> Mapping[str, Any]:
            return await self._client.call(method, {**arguments, **version}, address=notification.address, until=until)

        metadata = metadata_of(notification) if method == POST else None
        return await first_accepted(notification, mentions, post, metadata)
