"""Search for the message that an attempt left whose answer was lost, by the ids in its metadata.

It takes the history scope of the conversation's kind, and the app's membership in the conversation:
https://docs.slack.dev/reference/methods/conversations.history and …/conversations.replies. Metadata takes no scope of
its own: https://docs.slack.dev/messaging/message-metadata. An organisation's own app may make 50 such calls a minute;
one that is distributed commercially outside Slack's Marketplace may make one, for 15 messages:
https://docs.slack.dev/apis/web-api/rate-limits.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import datetime
from difflib import get_close_matches
from functools import partial
from hashlib import sha256
from typing import Any

from relay.channels.slack.client import Call, Client, pages
from relay.channels.slack.errors import KINDS, FailureKind, SlackError, advice
from relay.channels.slack.scopes import IM, PRIVATE, PUBLIC, UNINVITED, may_search
from relay.domain.deliveries import Notification
from relay.domain.documents import first_text, mapping, rows
from relay.errors import CannotFind

HISTORY, REPLIES = "conversations.history", "conversations.replies"
MESSAGES = "100"  # a page
MARGIN = 60.0  # seconds by which Slack's clock and relay's may differ

_EVENT_TYPE = "relay_operation"
# The app lacks a scope, or the server lacks the method: remembered until the scopes change.
_FORBIDDEN = frozenset(
    {"missing_scope", "no_permission", "not_allowed_token_type", "unknown_method", "method_deprecated"}
)
_PASSING = (FailureKind.THROTTLED, FailureKind.AWAY, FailureKind.UNSENT, FailureKind.UNKNOWN)


Posted = tuple[Mapping[str, str], str, str]
"""A message's `channel` and `ts`, the `ts` of its thread's root if it is a reply, the name of the event it shows."""


def metadata_of(notification: Notification) -> dict[str, Any]:
    """Build the metadata of a message. The whole workspace can read it, so it holds no more than finding it takes."""
    payload = {"operation_id": notification.subject, "delivery_id": notification.delivery, "event": notification.event}
    if notification.kind in ("live", "roundup") and notification.lane:  # a newer delivery may look for an older one's
        payload["lane"] = sha256(notification.lane.encode()).hexdigest()[:16]
    return {"event_type": _EVENT_TYPE, "event_payload": payload}


class Search:
    """Search among the app's own messages: any other app can read these ids and write them into its messages."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._author_ids: frozenset[str] = frozenset()  # the ids that Slack gives the app as a message's author
        self._refused: dict[str, frozenset[str]] = {}  # the app's scopes when Slack refused, by address

    def may(self, address: str) -> bool:
        """Return False where the app's scopes are known not to suffice."""
        scopes = self._client.scopes  # none: Slack has not said yet, or never does
        return self._refused.get(address) != scopes and (not scopes or may_search(address, scopes))

    async def find(self, notification: Notification, since: datetime, until: float) -> Posted | None:
        """Return the message posted since. SlackError: try later; CannotFind: never. `until`: loop's clock."""
        call = partial(self._client.call, address=notification.address, until=until)
        try:
            return await self._find(notification, since, call)
        except SlackError as error:
            # The token's own trouble concerns sending as well. Any other refusal would be the same the next time.
            passing = not error.code or (error.code in KINDS and error.kind in _PASSING)
            if passing or (error.kind is FailureKind.WORKSPACE and error.code not in _FORBIDDEN):
                raise
            if error.code in _FORBIDDEN:
                self._refused[notification.address] = self._client.scopes
            raise CannotFind(str(error)) from None

    async def _find(self, notification: Notification, since: datetime, call: Call) -> Posted | None:
        if not self._author_ids:
            answer = await call("auth.test", {})
            self._author_ids = frozenset(
                filter(None, (first_text(answer.get("bot_id")), first_text(answer.get("user_id"))))
            )
        thread, payload = notification.thread, metadata_of(notification)["event_payload"]
        key = "lane" if "lane" in payload else "delivery_id"
        channel = thread.get("channel") or await self._id(notification.address, call)
        arguments = {"channel": channel, "oldest": f"{since.timestamp() - MARGIN:.6f}", "limit": MESSAGES}
        searches = [(HISTORY, arguments | {"include_all_metadata": "true"})]
        if notification.kind == "reply" and thread.get("ts"):  # or a root, where its thread was gone or locked
            searches.insert(0, (REPLIES, searches[0][1] | {"ts": thread["ts"]}))
        for search in searches:
            try:
                async for message in _rows(call, *search, "messages"):
                    if (posted := self._payload_of(message)).get(key) == payload[key]:
                        ts, root = first_text(message.get("ts")), first_text(message.get("thread_ts"))
                        message_id = {"channel": channel, "ts": ts}
                        return message_id, root if root != ts else "", first_text(posted.get("event"))
            except SlackError as error:
                if error.code != "thread_not_found":
                    raise
        return None

    def _payload_of(self, message: Mapping[str, Any]) -> Mapping[str, Any]:
        metadata = mapping(message.get("metadata"))
        is_ours = not self._author_ids.isdisjoint((message.get("bot_id"), message.get("user")))
        return mapping(metadata.get("event_payload")) if is_ours and metadata.get("event_type") == _EVENT_TYPE else {}

    async def _id(self, address: str, call: Call) -> str:
        """Return the conversation's id: unlike posting, reading takes no name and no person's id."""
        if not address.startswith(("#", "U")):
            return address
        kinds, scopes = TYPES if address.startswith("#") else {"im": IM}, self._client.scopes
        types = ",".join(kind for kind, scope in kinds.items() if not scopes or scope in scopes)
        async for row in _rows(call, JOINED, {"types": types, "limit": f"{PAGE}"}, "channels"):
            if address in (f"#{row.get('name')}", row.get("user")):
                return first_text(row.get("id"))
        raise CannotFind(f"{address} is none of the conversations that Slack says the app is in")


async def _rows(call: Call, method: str, arguments: Mapping[str, str], key: str) -> AsyncIterator[Mapping[str, Any]]:
    async for answer, is_last in pages(call, method, arguments, PAGES):
        for row in rows(answer.get(key)):
            yield row
        if is_last:
            return
    raise CannotFind(f"Slack's answer to {method} has more than {PAGES} pages")


PAGE = 1_000
PAGES = 10  # Slack allows about 20 such calls a minute
NEAR = 3  # names that may have been meant

INFO, LIST, JOINED = "conversations.info", "conversations.list", "users.conversations"
TYPES = {"public_channel": PUBLIC, "private_channel": PRIVATE}


class Reachability:
    """Checks with the app's scopes, `granted` (empty: Slack does not say). `app` is the name of its bot."""

    def __init__(self, call: Call, granted: Iterable[str], app: str) -> None:
        self._call = call
        self._granted = frozenset(granted)
        self._app = app
        self._types = [kind for kind, scope in TYPES.items() if not self._granted or scope in self._granted]

    async def of(self, conversations: Iterable[str]) -> dict[str, str | None]:
        """Return what hinders posting by conversation: '' for nothing, None where Slack does not say."""
        ordered = sorted(conversations)
        verdicts = await self._by_id([name for name in ordered if name.startswith(("C", "G"))])
        return verdicts | await self._by_name([name for name in ordered if name.startswith("#")])

    async def _by_id(self, ids: Iterable[str]) -> dict[str, str | None]:
        verdicts: dict[str, str | None] = {}
        for id_ in ids:
            try:
                channel = mapping((await self._call(INFO, {"channel": id_})).get("channel"))
                verdicts[id_] = self._obstacle(id_, channel)
            except SlackError as error:
                if error.code == "missing_scope":
                    verdicts[id_] = None
                elif error.kind is FailureKind.CONVERSATION:
                    verdicts[id_] = self._sentence(error.code, id_)
                else:
                    raise
        return verdicts

    async def _by_name(self, names: list[str]) -> dict[str, str | None]:
        """Look first among the few that the app is in; among all only for the rest."""
        if not names or not self._types:
            return dict.fromkeys(names)
        channels, whole = await self._listed(JOINED)
        if any(name[1:] not in channels for name in names):
            others, whole = await self._listed(LIST)
            channels = others | channels
        everywhere = whole and len(self._types) == len(TYPES)  # else it may be one of the others
        absent = {name: self._not_there(name, channels) if everywhere else None for name in names}
        return absent | {name: self._obstacle(name, channels[name[1:]]) for name in names if name[1:] in channels}

    async def _listed(self, method: str) -> tuple[dict[str, Mapping[str, Any]], bool]:
        """Return the channels by name, and whether these are all: no more than `PAGES` are asked for."""
        channels: dict[str, Mapping[str, Any]] = {}
        whole = False
        arguments = {"types": ",".join(self._types), "limit": str(PAGE)}
        async for answer, whole in pages(self._call, method, arguments, PAGES):  # noqa: B007 - of the last one
            for channel in rows(answer.get("channels")):
                member = method == JOINED or channel.get("is_member")
                channels[str(channel.get("name"))] = {**channel, "is_member": member}
        return channels, whole

    def _not_there(self, name: str, channels: Mapping[str, Mapping[str, Any]]) -> str:
        near = get_close_matches(name[1:], channels, n=NEAR, cutoff=0.6)
        meant = f"; did you mean {' or '.join(f'#{other}' for other in near)}?" if near else ""
        return f"{self._sentence('channel_not_found', name)}{meant}"

    def _obstacle(self, conversation: str, channel: Mapping[str, Any]) -> str:
        if channel.get("is_archived"):
            return self._sentence("is_archived", conversation)
        uninvited = UNINVITED in self._granted and not channel.get("is_private")
        if not channel.get("is_member") and not uninvited:
            return self._sentence("not_in_channel", conversation)
        return self._sentence("restricted_action", conversation) if channel.get("is_read_only") else ""

    def _sentence(self, code: str, conversation: str) -> str:
        return f"{code}: {advice(code, conversation, self._app)}"
