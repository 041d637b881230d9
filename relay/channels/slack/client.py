"""Client of Slack's Web API: a call is made once and over in time, its answer bounded, its failure a SlackError."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import aiohttp
from pydantic import SecretStr
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from relay.channels.slack.errors import WEBHOOK, FailureKind, SlackError, refused, unanswered
from relay.channels.slack.messages import NO_PREVIEWS, Message, by_id, first_accepted
from relay.domain.deliveries import PERSON, Notification, Receipt
from relay.domain.display import escape_mrkdwn
from relay.domain.documents import mapping

POST, UPDATE = "chat.postMessage", "chat.update"
CONNECT_TIMEOUT = 5.0
MAX_ANSWER = 4 * 1024**2  # a page of people is the longest

Call = Callable[[str, Mapping[str, str]], Awaitable[Mapping[str, Any]]]


class Client:
    """Client shared by all attempts. `deadline` is the seconds a call may take by default."""

    def __init__(self, token: str, base_url: str, proxy: str = "", *, deadline: float) -> None:
        self.scopes: frozenset[str] = frozenset()  # what the token may do, as the last answer said
        self._web = _Web(token, base_url, proxy, deadline)
        self._deadline = deadline

    async def call(
        self, method: str, arguments: Mapping[str, Any], *, address: str = "", until: float | None = None
    ) -> Mapping[str, Any]:
        """Make the call. `until` is on the loop's clock; `address` is the conversation, for the error's text."""
        until = asyncio.get_running_loop().time() + self._deadline if until is None else until
        as_json = method in (POST, UPDATE)  # Slack takes JSON where something is written, and only forms elsewhere
        try:
            async with asyncio.timeout_at(until):
                response = await self._web.api_call(
                    method, json=dict(arguments) if as_json else None, data=None if as_json else dict(arguments)
                )
        # The causes go no further: they show what was sent and answered, and a proxy's address with its password.
        except SlackApiError as error:
            answer = error.response
            raise refused(method, address, answer.status_code, answer.headers, answer.data) from None
        except (aiohttp.ClientError, TimeoutError) as error:
            raise unanswered(method, address, error) from None
        self.scopes = frozenset(filter(None, response.headers.get("x-oauth-scopes", "").replace(" ", "").split(",")))
        return mapping(response.data)

    async def aclose(self) -> None:
        if self._web.session:
            await self._web.session.close()


class _Web(AsyncWebClient):
    """Slack's client with the request made here: no redirects, a bounded answer, any type of it."""

    def __init__(self, token: str, base_url: str, proxy: str, deadline: float) -> None:
        logger = logging.Logger("slack_sdk", logging.WARNING)  # its own would log messages at DEBUG
        super().__init__(token, base_url, logger=logger, retry_handlers=[])
        self.proxy = proxy or None  # the library takes one from the environment
        self._secret = token.encode()
        self._deadline = deadline

    async def _request(self, *, http_verb: str, api_url: str, req_args: dict[str, Any]) -> dict[str, Any]:
        if self.session is None:  # the library would make one for every call
            self.session = _session(self._deadline)
        arguments = {key: value for key, value in req_args.items() if value is not None}
        async with self.session.request(http_verb, api_url, allow_redirects=False, **arguments) as response:
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > MAX_ANSWER:
                    raise aiohttp.ClientPayloadError("the answer is too long")
        # An answer may repeat the token to us; our texts and logs may not.
        redacted = bytes(body).replace(self._secret, b"token")
        return {"data": _parsed(redacted), "headers": response.headers, "status_code": response.status}


def _session(deadline: float) -> aiohttp.ClientSession:
    """Open a session in the loop that it is used in."""
    timeouts = aiohttp.ClientTimeout(total=deadline, connect=min(CONNECT_TIMEOUT, deadline / 2))
    return aiohttp.ClientSession(timeout=timeouts, cookie_jar=aiohttp.DummyCookieJar())


def _parsed(body: bytes) -> Mapping[str, Any]:
    """Read the JSON object; an empty one if it is something else."""
    try:
        return mapping(json.loads(body))
    except (ValueError, RecursionError):
        return {}


async def pages(
    call: Call, method: str, arguments: Mapping[str, str], limit: int
) -> AsyncIterator[tuple[Mapping[str, Any], bool]]:
    """Yield the pages of a list, at most `limit`, each with whether it is the last."""
    cursor: dict[str, str] = {}
    for _ in range(limit):
        answer = await call(method, {**arguments, **cursor})
        following = mapping(answer.get("response_metadata")).get("next_cursor")
        yield answer, not following
        if not following:
            return
        cursor = {"cursor": str(following)}


MAX_WORD = 4096  # "ok", or one word about what is wrong


class Webhooks:
    """Incoming webhooks by conversation: secret addresses, each of which posts to one and can do nothing else.

    Nothing comes back but "ok", so there is nothing to edit, and no thread to reply in. Names cannot be looked up.
    https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
    """

    def __init__(self, addresses: Mapping[str, SecretStr], proxy: str = "", *, deadline: float) -> None:
        self._addresses = addresses
        self._proxy = proxy or None
        self._deadline = deadline
        self._session: aiohttp.ClientSession | None = None

    def __contains__(self, conversation: str) -> bool:
        return conversation in self._addresses

    async def send(self, notification: Notification, until: float) -> Receipt:
        """Post it, reduced for as long as Slack refuses what is in it. `until` is on the loop's clock."""
        # Ids mention people, names are written as they are.
        names = (by_id(name) or escape_mrkdwn(name.strip().removeprefix(PERSON)) for name in notification.mentions)
        mentions = " ".join(dict.fromkeys(names))

        async def post(version: Message) -> Receipt:
            message = {key: value for key, value in version.items() if value}
            await self._post(notification.address, message | NO_PREVIEWS, until)
            return Receipt(f"{notification.address}, by its webhook")

        return await first_accepted(notification, mentions, post)

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
        self._session = self._session or _session(self._deadline)
        address = self._addresses[conversation].get_secret_value()
        try:
            async with (
                asyncio.timeout_at(until),
                self._session.post(address, json=message, proxy=self._proxy, allow_redirects=False) as response,
            ):
                body = b""
                while len(body) < MAX_WORD and (piece := await response.content.read(MAX_WORD - len(body))):
                    body += piece
        # The cause goes no further: it may show the address, and that is the secret.
        except (aiohttp.ClientError, TimeoutError) as error:
            raise unanswered(WEBHOOK, conversation, error) from None
        word = body.decode("utf-8", "replace").strip()
        if response.status != 200 or word != "ok":
            answer = {"ok": False, "error": word} if response.status != 200 else {}
            raise refused(WEBHOOK, conversation, response.status, response.headers, answer) from None
