"""A Slack workspace: people, groups, conversations, messages, the calls that arrive and the presses that it sends."""

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from aiohttp import web

TEAM, APP, BOT = "T0STANDIN1", "A0STANDIN1", "B0RELAYBOT"

Json = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True)
class User:
    id: str
    name: str
    email: str = ""
    real_name: str = ""
    deleted: bool = False
    display_name: str = ""  # chosen by the user; the name, unless it is given
    restricted: bool = False  # a guest of several conversations,
    ultra_restricted: bool = False  # or of one
    stranger: bool = False  # of another workspace, and in no conversation that is shared with it
    bot: bool = False
    team: str = TEAM
    teams: tuple[str, ...] = ()  # of an organisation: the workspaces that they are in


@dataclass(frozen=True)
class Group:
    id: str
    handle: str
    name: str = ""
    users: tuple[str, ...] = ()


USERS = (
    User("U0ANALYST1", "analyst", "analyst@example.com", "Jana Müller"),
    User("U0LEAD0001", "lead", "lead@example.com", "Tom Becker"),
    User("U0GONE0001", "former", "former@example.com", "Former Colleague", deleted=True),
)
GROUPS = (
    Group("S0DATATEAM", "data-team", "Data Team", ("U0ANALYST1",)),
    Group("S0OPSTEAM1", "emea-ops", "EMEA Operations"),
)


@dataclass
class Message:
    """One message in its present state; `revisions` holds what it was before each edit, oldest first."""

    ts: str
    channel: str
    text: str = ""
    blocks: list[Json] = field(default_factory=list)
    attachments: list[Json] = field(default_factory=list)
    metadata: Json = field(default_factory=dict)
    thread_ts: str = ""
    broadcast: bool = False
    bot: str = BOT  # of the app that posted it
    edited: bool = False  # Slack marks an edit as such only if it came without blocks
    revisions: list[Json] = field(default_factory=list)

    def show(self, arguments: Mapping[str, Any]) -> None:
        self.text = arguments.get("text") or ""
        self.blocks = arguments.get("blocks") or []
        self.attachments = arguments.get("attachments") or []
        self.metadata = arguments.get("metadata", self.metadata) or {}


@dataclass
class Conversation:
    id: str
    name: str
    messages: dict[str, Message] = field(default_factory=dict)
    joined: bool = True  # whether relay's app was invited
    private: bool = False
    archived: bool = False
    read_only: bool = False  # for all but a few
    user: str = ""  # the id of the person in a conversation with the app

    @property
    def type(self) -> str:
        """In Slack's words."""
        private = self.private or self.id.startswith("G")
        return "im" if self.id.startswith("D") else "private_channel" if private else "public_channel"

    def roots(self) -> list[Message]:
        return [message for message in self.messages.values() if not message.thread_ts]

    def replies(self, ts: str) -> list[Message]:
        return [message for message in self.messages.values() if message.thread_ts == ts]


class SlackRefusal(Exception):
    """Slack's answer {"ok": false, "error": code}, with what else it says."""

    def __init__(self, code: str, **extra: Any) -> None:
        super().__init__(code)
        self.code = code
        self.extra = extra


def message_document(message: Message, *, metadata: bool = False) -> Json:
    shown: Json = {
        "type": "message", "user": f"U{message.bot[1:]}", "bot_id": message.bot, "ts": message.ts,
        "text": message.text, "blocks": message.blocks, "attachments": message.attachments,
    }  # fmt: skip
    if message.thread_ts:
        shown["thread_ts"] = message.thread_ts
    if metadata and message.metadata:
        shown["metadata"] = message.metadata
    return shown


def messages_page(messages: Sequence[Message], arguments: Json, *, always: str = "") -> Json:
    """A page of what is in the window, and of the message `always`, which is in every one."""
    oldest, latest = float(arguments.get("oldest") or 0), float(arguments.get("latest") or "inf")
    metadata = str(arguments.get("include_all_metadata")).lower() in ("1", "true")
    matching = [message for message in messages if message.ts == always or oldest < float(message.ts) < latest]
    page, cursor = page_of(matching, arguments)
    return {"messages": [message_document(message, metadata=metadata) for message in page], "has_more": bool(cursor),
            **({"response_metadata": {"next_cursor": cursor}} if cursor else {})}  # fmt: skip


def page_of(items: Sequence[T], arguments: Json) -> tuple[Sequence[T], str]:
    """The items, and the cursor of those that follow; '' for none."""
    start, limit = int(arguments.get("cursor") or 0), int(arguments.get("limit") or 100)
    return items[start : start + limit], str(start + limit) if start + limit < len(items) else ""


def conversation_document(conversation: Conversation) -> Json:
    if conversation.user:
        return {"id": conversation.id, "is_im": True, "user": conversation.user}
    return {"id": conversation.id, "name": conversation.name, "is_channel": True, "is_private": conversation.private,
            "is_archived": conversation.archived, "is_member": conversation.joined,
            "is_read_only": conversation.read_only}  # fmt: skip


def user_document(user: User) -> Json:
    profile = {"email": user.email, "real_name": user.real_name, "display_name": user.display_name or user.name}
    several = {"enterprise_user": {"enterprise_id": "E0STANDIN1", "teams": [*user.teams]}} if user.teams else {}
    return {"id": user.id, "team_id": user.team, "name": user.name, "real_name": user.real_name,
            "deleted": user.deleted, "is_restricted": user.restricted, "is_ultra_restricted": user.ultra_restricted,
            "is_stranger": user.stranger, "is_bot": user.bot, "profile": profile, **several}  # fmt: skip


@dataclass(frozen=True)
class Fault:
    """A scripted failure of one call.

    error   Slack's code, answered as {"ok": false}, with `extra` fields
    body    sent as it is, in place of JSON
    applied the call takes effect all the same, so that only its answer is lost
    close   the connection breaks without an answer
    hang    no answer ever comes
    """

    error: str = ""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    body: bytes | None = None
    applied: bool = False
    close: bool = False
    hang: bool = False


@dataclass(frozen=True)
class SlackCall:
    method: str
    arguments: Json
    at: float
    token: str = field(repr=False)

    @property
    def lane(self) -> tuple[str, str]:
        """The scope of a 429: posts to this conversation, or the whole method."""
        return self.method, str(self.arguments.get("channel", "")) if self.method == "chat.postMessage" else ""


async def arguments_of(request: web.Request) -> Json:
    """From JSON, a form or the address, as Slack takes them; lists and objects may come as JSON inside a form."""
    if request.content_type == "application/json":
        arguments = await request.json()
        return arguments if isinstance(arguments, dict) else {}
    arguments = {**request.query, **await request.post()}
    for key in ("blocks", "attachments", "metadata"):
        if isinstance(arguments.get(key), str):
            with contextlib.suppress(ValueError):
                arguments[key] = json.loads(arguments[key])
    return arguments


def button_of(message: Message, action: str) -> Json | None:
    """The button with this action id that the message shows now."""
    rows = [block.get("elements", ()) for block in message.blocks if block.get("type") == "actions"]
    return next((button for row in rows for button in row if button.get("action_id") == action), None)


def press_payload(
    message: Message, button: Mapping[str, Any], person: User, *, user: str, app: str, team: str, at: float
) -> Json:
    """https://docs.slack.dev/reference/interaction-payloads/block_actions-payload. `user` may be an unknown id; then
    the rest is the person's."""
    pressed = {"type": "button", "action_ts": f"{at:.6f}"} | {
        key: button[key] for key in ("action_id", "value", "action_ts") if key in button
    }
    return {
        "type": "block_actions", "api_app_id": app, "team": {"id": team or person.team},
        "user": {"id": user, "username": person.name, "team_id": person.team},
        "channel": {"id": message.channel}, "container": {"type": "message", "message_ts": message.ts},
        "actions": [pressed],
    }  # fmt: skip
