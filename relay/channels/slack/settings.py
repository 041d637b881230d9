"""`channels.slack` in the configuration: access to Slack, and who may press a button there."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)  # fmt: skip

from relay.channels.slack.authority import EVERYONE, kind_of
from relay.channels.slack.messages import by_id
from relay.configfile.validation import is_off, keyed
from relay.policy.presentation import OWNER
from relay.policy.recipients import MessageLimit

MODES = ("live", "each", "outcomes", "digest")
WEBHOOK_MODES = ("outcomes", "each", "digest")  # nothing posted by one can be edited
EDITS_PER_MINUTE = 40  # of the 50 that Slack allows the whole workspace
POSTS_PER_SECOND = 1.0  # what Slack takes in one conversation, and short bursts above it

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

APP_TOKEN = "xapp-… with the scope connections:write, made in Slack under Basic Information, App-Level Tokens"  # noqa: S105

_ID = re.compile(r"(?=.*\d)[CGDU][A-Z0-9]{2,30}")
_NAME = re.compile(r"#[\w.-]{1,80}")
_PLACEHOLDER = re.compile(r"\$\{|\.\.\.|\*\*|[<>\s]|change.?me|your.?token|^xox[a-z]-?x*$", re.IGNORECASE)


def _limit_or_off(raw: object) -> object:
    """Read `off`, which is false in YAML, as no limit."""
    return None if is_off(raw) else keyed("{count: 20, per: 10m}, or off")(raw)


def _able_to_press(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if not kind_of(name.strip()):
            raise ValueError(
                f"{name} names nobody who could press a button; expected everyone, a user group such as @data-team, "
                "an id such as U0123ABCD, or an e-mail address"
            )
    return names


Names = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=254)], ...],
    BeforeValidator(lambda raw: (raw,) if isinstance(raw, str) else raw, json_schema_input_type=str | list[str]),
    AfterValidator(_able_to_press),
]


class Actions(BaseModel):
    """Buttons and who may press them: ids, e-mail addresses, user groups, or `everyone` in the workspace."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    retry: Names = ()  # nobody
    cancel: Names = ()
    mute: Names = (EVERYONE,)
    take: Names = (EVERYONE,)


class SlackSettings(BaseModel):
    """`channels.slack` in the configuration."""

    retired: ClassVar[Mapping[str, str]] = {
        "new_roots": "is called new_message_limit",
        "edits_per_minute": "removed; relay makes 40 edits a minute of the 50 that Slack allows a workspace",
    }

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    token: SecretStr = SecretStr("")  # needed where there is no webhook
    base_url: str = "https://slack.com/api/"
    proxy: SecretStr = SecretStr("")  # https://user:password@proxy.example.com:3128
    webhooks: dict[str, SecretStr] = Field(default_factory=dict)  # by conversation: what goes there needs no token
    new_message_limit: Annotated[
        MessageLimit | None,
        BeforeValidator(_limit_or_off, json_schema_input_type=MessageLimit | Literal["off", False] | None),
    ] = MessageLimit(count=20, per=600.0)  # in each conversation
    posts_per_second: Annotated[float, Field(ge=0.01, le=10_000)] = POSTS_PER_SECOND  # new messages, per conversation
    interactivity: Annotated[  # buttons under live messages
        Literal["off", "http", "socket"],
        BeforeValidator(
            lambda raw: "off" if raw is False else raw, json_schema_input_type=Literal["off", "http", "socket", False]
        ),
    ] = "off"
    signing_secret: SecretStr = SecretStr("")  # http: Slack signs presses with it
    app_token: SecretStr = SecretStr("")  # socket: opens the connection that presses come by
    actions: Actions = Actions()

    @field_validator("token")
    @classmethod
    def _is_bot_token(cls, token: SecretStr) -> SecretStr:
        text = token.get_secret_value()
        for beginning, instead in OTHER_TOKENS.items():
            if text.casefold().startswith(beginning):
                raise ValueError(f"expected the app's bot token, xoxb-…{instead}")
        if not text or not text.isascii() or _PLACEHOLDER.search(text):
            raise ValueError("expected the Slack app's bot token, xoxb-…, found under OAuth & Permissions")
        return token

    @field_validator("app_token")
    @classmethod
    def _is_app_token(cls, token: SecretStr) -> SecretStr:
        text = token.get_secret_value()
        if text and (not text.startswith("xapp-") or not text.isascii() or _PLACEHOLDER.search(text)):
            raise ValueError(f"expected an app-level token, {APP_TOKEN}; the bot token, xoxb-…, goes under token")
        return token

    @field_validator("base_url")
    @classmethod
    def _is_address(cls, url: str) -> str:
        if not is_address(url):
            raise ValueError("expected an http(s) address such as https://slack.com/api/")
        return url if url.endswith("/") else f"{url}/"

    @field_validator("proxy")
    @classmethod
    def _is_proxy(cls, url: SecretStr) -> SecretStr:
        if url.get_secret_value() and not is_address(url.get_secret_value()):
            raise ValueError("expected the proxy's address, http://host:port")
        return url

    @field_validator("webhooks")
    @classmethod
    def _are_addresses(cls, webhooks: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for conversation, url in webhooks.items():
            conversation_of(conversation)
            if not is_address(url.get_secret_value()) or _PLACEHOLDER.search(url.get_secret_value()):
                raise ValueError(f"{conversation}: expected a webhook's address, https://hooks.slack.com/services/…")
        return webhooks

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if not self.token.get_secret_value() and not self.webhooks:
            raise ValueError("expected token, the Slack app's bot token, xoxb-…, or webhooks")
        secret = self.signing_secret.get_secret_value()
        if self.interactivity != "off" and not self.token.get_secret_value():
            raise ValueError("interactivity needs token: an incoming webhook has no buttons")
        if self.interactivity == "socket" and not self.app_token.get_secret_value():
            raise ValueError(f"interactivity: socket needs app_token, {APP_TOKEN}")
        weak = not secret.isascii() or len(secret) < 8 or _PLACEHOLDER.search(secret)
        if self.interactivity == "http" and weak:
            raise ValueError(
                "interactivity: http needs signing_secret, found in Slack under Basic Information, App Credentials"
            )
        return self

    def own_host(self, conversation: str) -> str:
        """Return the host of its webhook, which needs no token; '' where it has none."""
        url = self.webhooks.get(conversation)
        return urlsplit(url.get_secret_value()).hostname or "" if url else ""

    def modes_at(self, conversation: str) -> tuple[str, ...]:
        """Return the modes possible there, the default first; none without a token or a webhook."""
        if conversation in self.webhooks:
            return WEBHOOK_MODES
        return MODES if self.token.get_secret_value() else ()

    def warnings_for(self, conversation: str, mode: str, mentions: Iterable[str]) -> Iterator[str]:
        """Yield what a destination there asks for without effect."""
        if conversation not in self.webhooks:
            return
        if mode not in self.modes_at(conversation):
            yield f"an incoming webhook cannot edit: {conversation} gets outcomes only"
        if names := [name for name in mentions if name != OWNER and not by_id(name)]:
            yield (
                f"an incoming webhook cannot look names up: {', '.join(names)} will stand in {conversation} as text "
                "and call nobody; write ids such as U0123ABCD"
            )


def conversation_of(value: object) -> str:
    """Read one conversation: `#name`, or an id (C…, G…, D…, or U… for a person). ValueError if it is none."""
    name = value.strip() if isinstance(value, str) else ""
    if _ID.fullmatch(name) or (_NAME.fullmatch(name) and name == name.lower()):
        return name
    likely = f"#{name.lstrip('#').lower()}"
    hint = f'; did you mean "{likely}"?' if _NAME.fullmatch(likely) else ""
    if value is None:
        hint = "; put it in quotes, for without them a # begins a comment"
    raise ValueError(f'expected one conversation: its name such as "#operations" or its id such as "C0123ABCD"{hint}')


def is_address(text: str) -> bool:
    """Return whether this is an http(s) address with a host."""
    try:
        url = urlsplit(text)
        return url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        return False
