"""Slack: one message per event, or one per operation that is edited in place, with the outcome as a reply.

Slack knows no idempotency key, so a message is never posted twice here: https://docs.slack.dev/reference/methods/chat.postMessage.
Its "channels" are called conversations throughout, since a channel is something else in relay.
"""

import asyncio
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal, Self
from urllib.parse import urlsplit

import structlog
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from relay.channels.slack.authority import EVERYONE, Authority, kind_of
from relay.channels.slack.client import POST, UPDATE, Client
from relay.channels.slack.directory import Directory, by_id
from relay.channels.slack.errors import UNTHREADABLE, FailureKind, SlackError
from relay.channels.slack.messages import NO_PREVIEWS, Message, degraded_versions, first_accepted
from relay.channels.slack.people import People
from relay.channels.slack.webhooks import Webhooks
from relay.configfile.units import duration
from relay.configfile.validation import is_off, keyed
from relay.domain.deliveries import Limit, Notification, Receipt
from relay.domain.mrkdwn import escape_mrkdwn
from relay.domain.presses import Person, Presser
from relay.policy.presentation import OWNER

log = structlog.get_logger(__name__)

POST_PERIOD, POST_BURST = 1.0, 3  # Slack takes about one message a second in a conversation, and short bursts
EDITS_A_MINUTE = 40  # of the 50 that Slack allows the whole workspace

# Nothing becomes a link or a mention but what is written as one. An edit forgets these unless it is told again.
LITERAL = {"parse": "none", "link_names": False}

WHISPER = "chat.postEphemeral"

# What goes missing without a scope; without chat:write nothing works at all.
SCOPES = {
    "users:read": "people are not called by name, and nobody may press a button",
    "users:read.email": "people are not called by e-mail address, and one under actions lets nobody press a button",
    "usergroups:read": "groups are not called, and where actions names one, nobody may press a button",
}

# What people write in place of the bot token, by how it begins, and what is said of it.
OTHER_TOKENS = {
    "http": "; an incoming webhook goes under webhooks",
    "xapp-": ", and not an app-level token",
    "xoxp-": ", and not a user token: messages would come from that person",
    "xoxe": "; this one rotates and ends within 12 hours, so switch token rotation off, or make an app without it",
    "xoxc-": ", and not one that a browser logs in with",
    "xoxd-": ", and not one that a browser logs in with",
    "bearer ": " alone, without the word Bearer",
}

_ID = re.compile(r"(?=.*\d)[CGDU][A-Z0-9]{2,30}")
_NAME = re.compile(r"#[\w.-]{1,80}")
_PLACEHOLDER = re.compile(r"\$\{|\.\.\.|\*\*|[<>\s]|change.?me|your.?token|^xox[a-z]-?x*$", re.IGNORECASE)


def _seconds(written: object) -> float:
    return duration(written)


def _new_roots(raw: object) -> object:
    """`off` says that there is no cap."""
    return None if is_off(raw) else keyed("{count: 20, per: 10m}, or off")(raw)


def _interactivity(raw: object) -> object:
    return "off" if is_off(raw) else raw


class NewRoots(BaseModel):
    """How many new live messages a conversation gets; above that one message tells of the others together."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    count: Annotated[int, Field(ge=1, le=1_000)] = 20
    per: Annotated[float, BeforeValidator(_seconds, json_schema_input_type=float | str), Field(ge=10, le=86_400)] = (
        600.0
    )


def _everyone(written: object) -> object:
    return (written,) if isinstance(written, str) else written


def _named(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if not kind_of(name.strip()):
            raise ValueError(
                f"{name} names nobody who could press a button; expected everyone, a user group such as @data-team, "
                "an id such as U0123ABCD, or an e-mail address"
            )
    return names


Names = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=254)], ...],
    BeforeValidator(_everyone, json_schema_input_type=str | list[str]),
    AfterValidator(_named),
]


class Actions(BaseModel):
    """Who may press which button: ids, e-mail addresses and user groups, or `everyone` in the workspace."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    retry: Names = ()  # nobody
    cancel: Names = ()
    mute: Names = (EVERYONE,)


class SlackSettings(BaseModel):
    """`channels.slack` in the configuration."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    token: SecretStr = SecretStr("")  # needed where there is no webhook
    base_url: str = "https://slack.com/api/"
    proxy: SecretStr = SecretStr("")  # https://user:password@proxy.example.com:3128
    webhooks: dict[str, SecretStr] = Field(default_factory=dict)  # by conversation: what goes there needs no token
    new_roots: Annotated[
        NewRoots | None, BeforeValidator(_new_roots, json_schema_input_type=NewRoots | Literal["off", False] | None)
    ] = NewRoots()
    profile: Literal["classic", "rich"] = "classic"  # rich: the newer blocks too, where the workspace has them
    edits_per_minute: Annotated[int, Field(ge=4, le=1_000)] = EDITS_A_MINUTE  # of all live messages together
    interactivity: Annotated[  # buttons under live messages
        Literal["off", "http"], BeforeValidator(_interactivity, json_schema_input_type=Literal["off", "http", False])
    ] = "off"
    signing_secret: SecretStr = SecretStr("")  # of the app: what it says of a press is signed with it
    actions: Actions = Actions()

    @field_validator("token")
    @classmethod
    def _a_bot_token(cls, token: SecretStr) -> SecretStr:
        written = token.get_secret_value()
        for beginning, instead in OTHER_TOKENS.items():
            if written.casefold().startswith(beginning):
                raise ValueError(f"expected the app's bot token, xoxb-…{instead}")
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

    @field_validator("webhooks")
    @classmethod
    def _their_addresses(cls, written: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for conversation, address in written.items():
            Slack.addresses(conversation)
            if not _is_address(address.get_secret_value()) or _PLACEHOLDER.search(address.get_secret_value()):
                raise ValueError(f"{conversation}: expected a webhook's address, https://hooks.slack.com/services/…")
        return written

    @model_validator(mode="after")
    def _some_way(self) -> Self:
        if not self.token.get_secret_value() and not self.webhooks:
            raise ValueError("expected token, the Slack app's bot token, xoxb-…, or webhooks")
        return self

    @model_validator(mode="after")
    def _whole_interactivity(self) -> Self:
        secret = self.signing_secret.get_secret_value()
        if self.interactivity == "http":
            if not self.token.get_secret_value():
                raise ValueError("interactivity needs token: an incoming webhook has no buttons")
            if not secret.isascii() or len(secret) < 8 or _PLACEHOLDER.search(secret):
                raise ValueError(
                    "interactivity: http needs signing_secret, found in Slack under Basic Information, App Credentials"
                )
        return self

    def modes_at(self, conversation: str) -> tuple[str, ...]:
        """What is possible there, the default first; nothing without a token or a webhook."""
        if conversation in self.webhooks:
            return ("outcomes", "each", "digest")
        return Slack.modes if self.token.get_secret_value() else ()

    def warnings_for(self, conversation: str, mode: str, mentions: Iterable[str]) -> Iterator[str]:
        """What a destination there asks for in vain."""
        if conversation not in self.webhooks:
            return
        if mode not in self.modes_at(conversation):
            yield f"an incoming webhook cannot edit: {conversation} gets outcomes only"
        if names := [name for name in mentions if name != OWNER and not by_id(name)]:
            yield (
                f"an incoming webhook cannot look names up: {', '.join(names)} will stand in {conversation} as text "
                "and call nobody; write ids such as U0123ABCD"
            )


class Slack:
    """The channel. `deadline` is when an attempt ends: a little before the worker gives it up.

    Only here is it known whether the message had left by then.
    """

    Settings: ClassVar[type[BaseModel]] = SlackSettings
    modes: ClassVar[tuple[str, ...]] = ("live", "each", "outcomes", "digest")
    max_concurrency: ClassVar = 16
    timeout: ClassVar[float] = 15.0

    def __init__(
        self, settings: SlackSettings, *, clock: Callable[[], float] = time.monotonic, deadline: float = 0.9 * timeout
    ) -> None:
        token, proxy = settings.token.get_secret_value(), settings.proxy.get_secret_value()
        self._client = Client(token, settings.base_url, proxy, deadline=deadline)
        self._deadline = deadline
        self._webhooks = Webhooks(settings.webhooks, proxy, deadline=deadline)
        self._token = bool(token)
        self._rich = settings.profile == "rich"  # until the workspace refuses
        self._directory = Directory(self._client.call, clock=clock, patience=deadline / 5)
        self._people = People(self._client.call, clock=clock)
        self._authority = Authority(self._people, clock=clock)

    @staticmethod
    def addresses(value: object) -> list[str]:
        """The one conversation a destination names: `#name`, or an id (C…, G…, D…, or U… for a person)."""
        written = value.strip() if isinstance(value, str) else ""
        if _ID.fullmatch(written) or (_NAME.fullmatch(written) and written == written.lower()):
            return [written]
        likely = f"#{written.lstrip('#').lower()}"
        hint = f'; did you mean "{likely}"?' if _NAME.fullmatch(likely) else ""
        if value is None:
            hint = "; put it in quotes, for without them a # begins a comment"
        raise ValueError(
            f'expected one conversation: its name such as "#operations" or its id such as "C0123ABCD"{hint}'
        )

    @staticmethod
    def limits(address: str, settings: SlackSettings | None = None) -> tuple[tuple[Limit, ...], tuple[Limit, ...]]:
        """A new message counts in its conversation, an edit in the whole workspace.

        Of the edits a quarter may come at once, and nearly all of that is kept for outcomes. No minute sees more than
        are allowed, its burst included.
        """
        edits = settings.edits_per_minute if settings else EDITS_A_MINUTE
        burst = max(edits // 4, 1)
        return (
            (Limit(f"slack:post:{address}", POST_PERIOD, POST_BURST),),
            (Limit("slack:edit", 60 / (edits - burst), burst, reserve=max(burst - 2, 0)),),
        )

    async def send(self, notification: Notification) -> Receipt:
        until = asyncio.get_running_loop().time() + self._deadline
        if notification.address in self._webhooks:
            return await self._webhooks.send(notification, until)
        if notification.kind in ("live", "roundup") and notification.thread.get("ts"):
            try:
                return await self._edit(notification, until)
            except SlackError as error:
                if error.meaning is not FailureKind.GONE:
                    raise
                log.info("message.replaced", address=notification.address, subject=notification.subject, why=error.code)
        return await self._post(notification, until)

    async def check(self) -> str:
        """Who the token says we are, and what it does not allow. A webhook could be asked by a message alone."""
        webhooks = self._webhooks.described
        if not self._token:
            return webhooks
        answer = await self._client.call("auth.test", {})
        granted = self._client.scopes or {"chat:write", *SCOPES}  # not every Slack says
        if "chat:write" not in granted:
            text = "the Slack app may not post: add the scope chat:write and install it again"
            raise SlackError(text, "auth.test", FailureKind.WORKSPACE)
        missing = [f"without the scope {scope} {loss}" for scope, loss in SCOPES.items() if scope not in granted]
        who = f"{answer.get('user', 'relay')} in {answer.get('team', 'Slack')}"
        return "; ".join([who, *missing, *filter(None, [webhooks])])

    async def is_allowed(self, presser: Presser, names: Iterable[str]) -> Person | None:
        """Who pressed, if they are one of these. Takes as long as Slack does; SlackError if it does not say."""
        return await self._authority.find(presser, names)

    async def nobodies(self, names: Iterable[str]) -> list[str]:
        """Those of the names under `actions` that stand for nobody in Slack. SlackError if it does not say."""
        return await self._authority.nobodies(names)

    async def post_ephemeral(self, conversation: str, user: str, text: str) -> None:
        """Say something that this person alone sees. SlackError if Slack does not take it."""
        await self._client.call(WHISPER, {"channel": conversation, "user": user, "text": escape_mrkdwn(text)})

    async def aclose(self) -> None:
        await self._directory.aclose()
        await self._authority.aclose()
        await self._people.aclose()
        await self._client.aclose()
        await self._webhooks.aclose()

    async def _edit(self, notification: Notification, until: float) -> Receipt:
        place = {"channel": notification.thread.get("channel", notification.address), "ts": notification.thread["ts"]}
        home = await self._directory.home()
        await self._deliver(UPDATE, place | LITERAL, notification, until)
        return Receipt(_link(home, place), place)

    async def _post(self, notification: Notification, until: float) -> Receipt:
        root = notification.thread.get("ts", "") if notification.kind == "reply" else ""
        place: dict[str, Any] = {"channel": notification.address} | LITERAL | NO_PREVIEWS
        if root:
            place["channel"] = notification.thread.get("channel", notification.address)
            place |= {"thread_ts": root, "reply_broadcast": notification.broadcast}
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
        otherwise = escape_mrkdwn(f"{notification.event}: {notification.subject}")
        versions = degraded_versions(notification.content, mentions, otherwise)
        rich = notification.content.get("rich") if self._rich else None
        if rich:
            versions = [degraded_versions({**notification.content, "blocks": rich}, mentions, otherwise)[0], *versions]
        if method == POST:  # the whole workspace can read this: ids, nothing else
            ids = {"operation_id": notification.subject, "delivery_id": notification.delivery}
            for version in versions[: 2 if rich else 1]:  # not where the words alone are left: it may be the fault
                version["metadata"] = {"event_type": "relay_operation", "event_payload": ids}

        def on_refusal(version: Message, error: SlackError) -> None:
            if rich and version is versions[0] and error.code == "invalid_blocks" and self._rich:
                self._rich = False  # it is the workspace that has not got them: not tried again
                log.warning("blocks.classic", why=str(error))
            else:
                log.warning("message.reduced", subject=notification.subject, why=str(error))

        async def post(version: Message) -> Mapping[str, Any]:
            return await self._client.call(method, {**place, **version}, address=notification.address, until=until)

        return await first_accepted(versions, post, on_refusal)


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
