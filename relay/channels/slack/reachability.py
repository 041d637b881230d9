"""Check whether relay's app may post in conversations, without posting anything."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from relay.channels.slack.client import Call, pages
from relay.channels.slack.errors import FailureKind, SlackError, advice
from relay.channels.slack.scopes import PRIVATE, PUBLIC, UNINVITED
from relay.domain.documents import mapping, rows

PAGE = 1_000
PAGES = 10  # Slack allows about 20 such calls a minute
NEAR = 3  # names that may have been meant

INFO, LIST, JOINED = "conversations.info", "conversations.list", "users.conversations"
TYPES = {"public_channel": PUBLIC, "private_channel": PRIVATE}


@dataclass(frozen=True, slots=True)
class Reach:
    """Obstacles to posting by conversation, and the conversations of which Slack does not say."""

    obstacles: Mapping[str, str]
    unknown: tuple[str, ...]


class Reachability:
    """Checks with the app's scopes, `granted` (empty: Slack does not say). `app` is the name of its bot."""

    def __init__(self, call: Call, granted: Iterable[str], app: str) -> None:
        self._call = call
        self._granted = frozenset(granted)
        self._app = app
        self._types = [kind for kind, scope in TYPES.items() if not self._granted or scope in self._granted]

    async def of(self, conversations: Iterable[str]) -> Reach:
        """Check conversations but those with people: only a message would show whether these may be written to."""
        ordered = sorted(conversations)
        verdicts = await self._by_id([name for name in ordered if name.startswith(("C", "G"))])
        verdicts |= await self._by_name([name for name in ordered if name.startswith("#")])
        return Reach(
            {conversation: verdict for conversation, verdict in verdicts.items() if verdict},
            tuple(conversation for conversation, verdict in verdicts.items() if verdict is None),
        )

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
