"""A Slack workspace: conversations, messages, people. Knows no HTTP."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict

from relay.channels.slack.scopes import IM, METHODS, OPTIONAL, PRIVATE, PUBLIC, UNINVITED, WRITE
from relay_sandbox.standins.slack_limits import validate
from relay_sandbox.standins.slack_people import People
from relay_sandbox.standins.slack_records import (
    GROUPS,
    USERS,
    Conversation,
    Group,
    Json,
    Message,
    SlackRefusal,
    User,
    conversation_document,
    message_document,
    messages_page,
    page_of,
)

ALL_SCOPES = ",".join(
    dict.fromkeys([WRITE, UNINVITED, *sorted(scope for needed in METHODS.values() for scope in needed)])
)
SHOWN = 200  # root messages of a conversation on the page, the newest


class Workspace(People):
    """Without `channels` every conversation exists as soon as something is posted to it."""

    def __init__(
        self,
        *,
        users: Iterable[User] = USERS,
        groups: Iterable[Group] = GROUPS,
        channels: Iterable[str] | None = None,
        name: str = "Example",
        posts_per_second: float = 1.0,
        clock: Callable[[], float],
    ) -> None:
        super().__init__(users, groups, name)
        self.conversations: dict[str, Conversation] = {}
        self.scopes = ALL_SCOPES  # of relay's app; nothing: Slack neither says nor asks
        self.whispers: list[Json] = []  # messages to one person alone: channel, user, text
        self.violations: list[str] = []  # what Slack would not have stood for
        self.rushes = 0  # posts too soon after the one before, in the same conversation
        self._clock = clock
        self._post_period = 1 / posts_per_second
        self.fixed = channels is not None
        self._last_ts = 0.0
        for channel in channels or ():
            self.conversation(channel, create=True)

    def call(self, method: str, arguments: Json) -> Json:
        """Slack's answer, "ok" included."""
        if method not in _METHODS:
            return {"ok": False, "error": "unknown_method"}
        try:
            self._check_scopes(METHODS.get(method, frozenset()) - OPTIONAL)
            return {"ok": True} | _METHODS[method](self, arguments)
        except SlackRefusal as refused:
            return {"ok": False, "error": refused.code} | refused.extra

    def conversation(self, reference: str, *, create: bool = False) -> Conversation | None:
        """By id, by name, or by a person's id for the conversation with them."""
        person = self.users.get(reference)
        name = f"@{person.name}" if person else reference.removeprefix("#")
        for conversation in self.conversations.values():
            if reference == conversation.id or name == conversation.name:
                return conversation
        if not name or not (create or person):
            return None
        number = f"{'D' if person else 'C'}0STANDIN{len(self.conversations) + 1:02d}"
        id_ = reference if re.fullmatch(r"[CDG][A-Z0-9]{6,}", reference) else number
        new = Conversation(id_, name, user=person.id if person else "")
        self.conversations[new.id] = new
        return new

    def snapshot(self) -> Json:
        """Everything the page shows."""

        def shown(message: Message) -> Json:
            return asdict(message) | {"revisions": len(message.revisions)}

        return {
            "workspace": self.name,
            "users": {user.id: user.real_name or user.name for user in self.users.values()},
            "groups": {group.id: group.handle for group in self.groups.values()},
            "violations": self.violations[-20:],
            "whispers": self.whispers[-3:],
            "conversations": [
                {"id": conversation.id, "name": conversation.name, "messages": [
                    shown(root) | {"replies": [shown(reply) for reply in conversation.replies(root.ts)]}
                    for root in conversation.roots()[-SHOWN:]
                ]} for conversation in self.conversations.values()
            ],
        }  # fmt: skip

    def _check_scopes(self, needed: Iterable[str]) -> None:
        if self.scopes and (lacking := {*needed} - {*self.scopes.split(",")}):
            raise SlackRefusal("missing_scope", needed=",".join(sorted(lacking)), provided=self.scopes)

    def _post(self, arguments: Json) -> Json:
        conversation = self._named(arguments)
        self._check_access(conversation)
        self._check(arguments)
        if conversation.messages and self._clock() - float(next(reversed(conversation.messages))) < self._post_period:
            self.rushes += 1
        self._last_ts = max(self._clock(), self._last_ts + 1e-5)
        message = Message(f"{self._last_ts:.6f}", conversation.id)
        # A reply to a message that is gone becomes an ordinary one: Slack does not refuse it.
        if parent := conversation.messages.get(str(arguments.get("thread_ts"))):
            message.thread_ts = parent.thread_ts or parent.ts
            message.broadcast = bool(arguments.get("reply_broadcast"))
        message.show(arguments)
        conversation.messages[message.ts] = message
        return {"channel": conversation.id, "ts": message.ts, "message": message_document(message)}

    def _check_access(self, conversation: Conversation) -> None:
        uninvited = not self.scopes or UNINVITED in self.scopes.split(",")
        if not conversation.joined and (conversation.private or not uninvited):
            raise SlackRefusal("channel_not_found" if conversation.private else "not_in_channel")
        if conversation.archived or conversation.read_only:
            raise SlackRefusal("is_archived" if conversation.archived else "restricted_action")

    def _update(self, arguments: Json) -> Json:
        conversation = self.conversations.get(str(arguments.get("channel")))  # an id: a name does not work here
        if conversation is None:
            raise SlackRefusal("channel_not_found")
        message = conversation.messages.get(str(arguments.get("ts")))
        if message is None:
            raise SlackRefusal("message_not_found")
        self._check(arguments)
        message.revisions.append({"text": message.text, "blocks": message.blocks, "attachments": message.attachments})
        message.show(arguments)
        message.edited = message.edited or not message.blocks
        return {"channel": conversation.id, "ts": message.ts, "text": message.text}

    def _whisper(self, arguments: Json) -> Json:
        conversation = self._named(arguments)
        if arguments.get("user") not in self.users:
            raise SlackRefusal("user_not_in_channel")
        self._check(arguments)
        whisper = {"channel": conversation.id, "user": arguments["user"], "text": str(arguments.get("text", ""))}
        self.whispers.append(whisper)
        return {"message_ts": f"{self._clock():.6f}"}

    def _permalink(self, arguments: Json) -> Json:
        conversation, ts = self._named(arguments), str(arguments.get("message_ts"))
        if ts not in conversation.messages:
            raise SlackRefusal("message_not_found")
        return {"channel": conversation.id, "permalink": f"{self.url}archives/{conversation.id}/p{ts.replace('.', '')}"}

    def _history(self, arguments: Json) -> Json:
        shown = [message for message in self._read(arguments).messages.values()
                 if not message.thread_ts or message.broadcast]  # fmt: skip
        return messages_page(shown[::-1], arguments)

    def _replies(self, arguments: Json) -> Json:
        conversation, ts = self._read(arguments), str(arguments.get("ts"))
        if ts not in conversation.messages:
            raise SlackRefusal("thread_not_found")
        return messages_page([conversation.messages[ts], *conversation.replies(ts)], arguments, always=ts)

    def _read(self, arguments: Json) -> Conversation:
        """A conversation whose messages the app may read: one that it is in."""
        conversation = self._visible(arguments)
        self._check_scopes({_READING[conversation.type]})
        if not conversation.joined:
            raise SlackRefusal("not_in_channel")
        return conversation

    def _visible(self, arguments: Json) -> Conversation:
        conversation = self.conversations.get(str(arguments.get("channel")))  # an id: a name does not work here
        if conversation is None or (conversation.private and not conversation.joined):
            raise SlackRefusal("channel_not_found")
        return conversation

    def _conversation(self, arguments: Json) -> Json:
        conversation = self._visible(arguments)
        self._check_scopes({PRIVATE if conversation.private else PUBLIC})
        return {"channel": conversation_document(conversation)}

    def _conversations(self, arguments: Json) -> Json:
        """List the private ones that the app is in."""
        types = str(arguments.get("types") or "public_channel").split(",")
        self._check_scopes(scope for kind, scope in _LISTING.items() if kind in types)
        visible = [conversation for conversation in self.conversations.values()
                   if (conversation.joined or not conversation.private) and conversation.type in types]  # fmt: skip
        page, cursor = page_of(visible, arguments)
        return {"channels": [conversation_document(conversation) for conversation in page],
                "response_metadata": {"next_cursor": cursor}}  # fmt: skip

    def _joined(self, arguments: Json) -> Json:
        listed = self._conversations(arguments)
        return listed | {"channels": [channel for channel in listed["channels"] if channel.get("is_member", True)]}

    def _named(self, arguments: Json) -> Conversation:
        conversation = self.conversation(str(arguments.get("channel") or ""), create=not self.fixed)
        if conversation is None:
            raise SlackRefusal("channel_not_found")
        return conversation

    def _check(self, arguments: Json) -> None:
        faults = validate(arguments)
        self.violations += faults
        if faults:
            errors = [fault.partition(": ")[2] for fault in faults]
            messages = [f"[ERROR] {error}" for error in errors]
            raise SlackRefusal(faults[0].partition(":")[0], errors=errors, response_metadata={"messages": messages})


_READING = {"public_channel": "channels:history", "private_channel": "groups:history", "im": "im:history"}
_LISTING = {"public_channel": PUBLIC, "private_channel": PRIVATE, "im": IM}
_METHODS: Mapping[str, Callable[[Workspace, Json], Json]] = {
    "auth.test": Workspace._auth,
    "chat.postMessage": Workspace._post,
    "chat.update": Workspace._update,
    "chat.postEphemeral": Workspace._whisper,
    "chat.getPermalink": Workspace._permalink,
    "conversations.info": Workspace._conversation,
    "conversations.list": Workspace._conversations,
    "users.conversations": Workspace._joined,
    "conversations.history": Workspace._history,
    "conversations.replies": Workspace._replies,
    "bots.info": Workspace._bot,
    "users.info": Workspace._user,
    "users.lookupByEmail": Workspace._lookup,
    "users.list": Workspace._users,
    "usergroups.list": Workspace._usergroups,
    "usergroups.users.list": Workspace._members,
}
