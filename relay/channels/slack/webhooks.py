"""Slack's incoming webhooks: a secret address each, which posts to one conversation and can do nothing else.

Nothing comes back but "ok", so there is nothing to edit, and no thread to reply in. Names cannot be looked up either.
https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import aiohttp
import structlog
from pydantic import SecretStr

from relay.channels.slack.client import CONNECT_TIMEOUT
from relay.channels.slack.directory import by_id
from relay.channels.slack.errors import WEBHOOK, FailureKind, SlackError, refused, unanswered
from relay.channels.slack.messages import NO_PREVIEWS, Message, degraded_versions, first_accepted
from relay.domain.deliveries import PERSON, Notification, Receipt
from relay.domain.display import escape_mrkdwn

log = structlog.get_logger(__name__)

MAX_ANSWER = 4096  # "ok", or one word about what is wrong


class Webhooks:
    """Configured webhooks by conversation. `deadline` is the seconds that an attempt may take."""

    def __init__(self, addresses: Mapping[str, SecretStr], proxy: str = "", *, deadline: float) -> None:
        self._addresses = addresses
        self._proxy = proxy or None
        self._timeouts = aiohttp.ClientTimeout(total=deadline, connect=min(CONNECT_TIMEOUT, deadline / 2))
        self._session: aiohttp.ClientSession | None = None

    def __contains__(self, conversation: str) -> bool:
        return conversation in self._addresses

    @property
    def description(self) -> str:
        """Name the webhooks; '' for none. Only a message would show whether they work."""
        return f"webhooks, not asked because that would post: {', '.join(self._addresses)}" if self._addresses else ""

    async def send(self, notification: Notification, until: float) -> Receipt:
        """Post it, reduced for as long as Slack refuses what is in it. `until` is on the loop's clock."""
        mentions = " ".join(dict.fromkeys(_mentions_of(notification.mentions)))
        otherwise = escape_mrkdwn(f"{notification.event}: {notification.subject}")
        versions = degraded_versions(notification.content, mentions, otherwise)

        async def post(version: Message) -> Receipt:
            message = {key: value for key, value in version.items() if value}
            await self._post(notification.address, message | NO_PREVIEWS, until)
            return Receipt(f"{notification.address}, by its webhook")

        def on_refusal(_version: Message, error: SlackError) -> None:
            log.warning("message.reduced", subject=notification.subject, why=str(error))

        return await first_accepted(versions, post, on_refusal)

    async def probe(self, conversation: str, until: float) -> None:
        """Post what Slack refuses to take, an empty message: its refusal shows that the webhook answers."""
        try:
            await self._post(conversation, {}, until)
        except SlackError as error:
            if error.kind not in (FailureKind.MESSAGE, FailureKind.UNSENT):
                raise

    async def aclose(self) -> None:
        if self._session:
            await self._session.close()

    async def _post(self, conversation: str, message: Mapping[str, Any], until: float) -> None:
        if self._session is None:  # made in the loop it is used in
            self._session = aiohttp.ClientSession(timeout=self._timeouts, cookie_jar=aiohttp.DummyCookieJar())
        address = self._addresses[conversation].get_secret_value()
        try:
            async with (
                asyncio.timeout_at(until),
                self._session.post(address, json=message, proxy=self._proxy, allow_redirects=False) as response,
            ):
                body = await response.content.read(MAX_ANSWER)
        # The cause goes no further: it may show the address, and that is the secret.
        except (aiohttp.ClientError, TimeoutError) as error:
            raise unanswered(WEBHOOK, conversation, error) from None
        word = body.decode("utf-8", "replace").strip()
        if response.status != 200 or word != "ok":
            answer = {"ok": False, "error": word} if response.status != 200 else {}
            raise refused(WEBHOOK, conversation, response.status, response.headers, answer) from None


def _mentions_of(mentions: Iterable[str]) -> Iterable[str]:
    """Yield the mentions: ids mention people, names are written as they are."""
    for name in mentions:
        yield by_id(name) or escape_mrkdwn(name.strip().removeprefix(PERSON))
