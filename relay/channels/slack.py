"""Slack: one message per event, or one per operation that is edited in place, with the outcome as a reply.

Slack knows no idempotency key, so a message is never posted twice here: https://docs.slack.dev/reference/methods/chat.postMessage.
Its "channels" are called conversations throughout, since a channel is something else in relay.
"""

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from urllib.parse import urlsplit

import structlog
from pydantic import BaseModel, ConfigDict, SecretStr, field_validator

from relay.channels.slack_client import POST, UPDATE, Client
from relay.channels.slack_errors import UNTHREADABLE, Meaning, SlackError
from relay.channels.slack_mentions import Directory
from relay.channels.slack_messages import attempts, escape
from relay.deliveries import Limit, Notification, Receipt

log = structlog.get_logger(__name__)

POST_PERIOD, POST_BURST = 1.0, 3  # Slack takes about one message a second in a conversation, and short bursts
EDITS_A_MINUTE, EDIT_BURST = 40, 5  # of the 50 a minute that Slack allows the whole workspace
EDIT_PERIOD = 60 / (EDITS_A_MINUTE - EDIT_BURST)  # so that no minute sees more, its burst included

# Nothing becomes a link or a mention but what is written as one. An edit forgets these unless it is told again.
LITERAL = {"parse": "none", "link_names": False}
QUIET = {"unfurl_links": False, "unfurl_media": False}

# What goes missing without a scope; without chat:write nothing works at all.
SCOPES = {
    "users:read": "people are not called by name",
    "users:read.email": "people are not called by e-mail address",
    "usergroups:read": "groups are not called",
}

_ID = re.compile(r"(?=.*\d)[CGDU][A-Z0-9]{2,30}")
_NAME = re.compile(r"#[\w.-]{1,80}")
_PLACEHOLDER = re.compile(r"\$\{|\.\.\.|\*\*|[<>\s]|change.?me|your.?token|^xox[a-z]-?x*$", re.IGNORECASE)


class SlackSettings(BaseModel):
    """`channels.slack` in the configuration."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    token: SecretStr
    base_url: str = "https://slack.com/api/"
    proxy: SecretStr = SecretStr("")  # https://user:password@proxy.example.com:3128

    @field_validator("token")
    @classmethod
    def _a_bot_token(cls, token: SecretStr) -> SecretStr:
        written = token.get_secret_value()
        if written.startswith("http"):
            raise ValueError("expected the app's bot token, xoxb-…, and not the address of an incoming webhook")
        if written.startswith("xapp-"):
            raise ValueError("expected the app's bot token, xoxb-…, and not an app-level token")
        if not written or not written.isascii() or _PLACEHOLDER.search(written):
            raise ValueError("expected the Slack app's bot token, xoxb-…, found under OAuth & Permissions")
        return token

    @field_validator("base_url")
    @classmethod
    def _an_address(cls, written: str) -> str:
        if not _is_address(written):
            raise ValueError("expected an http(s) address such as https://slack.com/api/")
        return written if written.endswith("/") else f"{written}/"

    @field_validator("proxy")
    @classmethod
    def _a_proxy(cls, written: SecretStr) -> SecretStr:
        if written.get_secret_value() and not _is_address(written.get_secret_value()):
            raise ValueError("expected the proxy's address, http://host:port")
        return written


class Slack:
    """The channel. `deadline` is when an attempt ends: a little before the worker gives it up.

    Only here is it known whether the message had left by then.
    """

    Settings: ClassVar[type[BaseModel]] = SlackSettings
    modes: ClassVar[tuple[str, ...]] = ("live", "each")
    slots: ClassVar = 16
    timeout: ClassVar[float] = 15.0

    def __init__(
        self, settings: SlackSettings, *, clock: Callable[[], float] = time.monotonic, deadline: float = 0.9 * timeout
    ) -> None:
        token, proxy = settings.token.get_secret_value(), settings.proxy.get_secret_value()
        self._client = Client(token, settings.base_url, proxy, deadline=deadline)
        self._deadline = deadline
        self._directory = Directory(self._client.call, clock=clock, patience=deadline / 5)

    @staticmethod
    def addresses(value: object) -> list[str]:
        """The one conversation a destination names: `#name`, or an id (C…, G…, D…, or U… for a person)."""
        written = value.strip() if isinstance(value, str) else ""
        if _ID.fullmatch(written) or (_NAME.fullmatch(written) and written == written.lower()):
            return [written]
        likely = f"#{written.lstrip('#').lower()}"
        hint = f'; did you mean "{likely}"?' if _NAME.fullmatch(likely) else ""
        raise ValueError(
            f'expected one conversation: its name such as "#operations" or its id such as "C0123ABCD"{hint}'
        )

    @staticmethod
    def limits(address: str) -> tuple[tuple[Limit, ...], tuple[Limit, ...]]:
        """A new message counts in its conversation, an edit in the whole workspace."""
        return (
            (Limit(f"slack:post:{address}", POST_PERIOD, POST_BURST),),
            (Limit("slack:edit", EDIT_PERIOD, EDIT_BURST),),
        )

    async def send(self, notification: Notification) -> Receipt:
        until = asyncio.get_running_loop().time() + self._deadline
        if notification.kind == "live" and notification.thread.get("ts"):
            try:
                return await self._edit(notification, until)
            except SlackError as error:
                if error.meaning is not Meaning.GONE:
                    raise
                log.info("message.replaced", address=notification.address, subject=notification.subject, why=error.code)
        return await self._post(notification, until)

    async def check(self) -> str:
        """Who the token says we are, and what it does not allow."""
        answer = await self._client.call("auth.test", {})
        granted = self._client.scopes or {"chat:write", *SCOPES}  # not every Slack says
        if "chat:write" not in granted:
            text = "the Slack app may not post: add the scope chat:write and install it again"
            raise SlackError(text, "auth.test", Meaning.WORKSPACE)
        missing = [f"without the scope {scope} {loss}" for scope, loss in SCOPES.items() if scope not in granted]
        return "; ".join([f"{answer.get('user', 'relay')} in {answer.get('team', 'Slack')}", *missing])

    async def aclose(self) -> None:
        await self._directory.aclose()
        await self._client.aclose()

    async def _edit(self, notification: Notification, until: float) -> Receipt:
        place = {"channel": notification.thread.get("channel", notification.address), "ts": notification.thread["ts"]}
        home = await self._directory.home()
        await self._deliver(UPDATE, place | LITERAL, notification, until)
        return Receipt(_link(home, place), place)

    async def _post(self, notification: Notification, until: float) -> Receipt:
        root = notification.thread.get("ts", "") if notification.kind == "reply" else ""
        place: dict[str, Any] = {"channel": notification.address} | LITERAL | QUIET
        if root:
            place["channel"] = notification.thread.get("channel", notification.address)
            place |= {"thread_ts": root, "reply_broadcast": bool(notification.content.get("broadcast"))}
        # Looked up before posting: whatever happens to that, nothing has left yet.
        home, mentions = await asyncio.gather(self._directory.home(), self._directory.mentions(notification.mentions))
        try:
            answer = await self._deliver(POST, place, notification, until, mentions)
        except SlackError as error:
            if not root or error.code not in UNTHREADABLE:
                raise
            del place["thread_ts"], place["reply_broadcast"]  # its thread is gone or locked: told beside it
            answer = await self._deliver(POST, place, notification, until, mentions)
        posted = {"channel": str(answer.get("channel") or place["channel"]), "ts": str(answer.get("ts") or "")}
        # A reply leaves the lane's thread as it is: the next edit is the root's.
        thread = notification.thread if notification.kind == "reply" else posted if posted["ts"] else {}
        return Receipt(_link(home, posted, str(place.get("thread_ts", ""))), thread)

    async def _deliver(
        self, method: str, place: Mapping[str, Any], notification: Notification, until: float, mentions: str = ""
    ) -> Mapping[str, Any]:
        """One message, reduced for as long as Slack refuses what is in it."""
        otherwise = escape(f"{notification.event}: {notification.subject}")
        messages = attempts(notification.content, mentions, otherwise)
        if method == POST:  # the whole workspace can read this: ids, nothing else
            ids = {"operation_id": notification.subject, "delivery_id": notification.delivery}
            messages[0]["metadata"] = {"event_type": "relay_operation", "event_payload": ids}
        while True:
            message = messages.pop(0)
            try:
                return await self._client.call(method, {**place, **message}, address=notification.address, until=until)
            except SlackError as error:
                if error.meaning is not Meaning.MESSAGE or not messages:
                    raise
                log.warning("message.reduced", subject=notification.subject, why=str(error))


def _link(home: str, place: Mapping[str, str], thread: str = "") -> str:
    """The message's permalink, made here: asking Slack for it would be one call more for every message."""
    channel, ts = place["channel"], place["ts"]
    if not home or not ts:
        return f"{channel}/{ts}"
    inside = f"?thread_ts={thread}&cid={channel}" if thread else ""
    return f"{home}archives/{channel}/p{ts.replace('.', '')}{inside}"


def _is_address(written: str) -> bool:
    try:
        address = urlsplit(written)
        return address.scheme in ("http", "https") and bool(address.hostname) and address.port != 0
    except ValueError:
        return False
