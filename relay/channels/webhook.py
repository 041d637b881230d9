"""Webhook: the event as JSON for a program, signed as Standard Webhooks specifies."""

import json
import re
import time
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from typing import Annotated, ClassVar
from urllib.parse import urlsplit

import aiohttp
from pydantic import AfterValidator, BaseModel, Field, SecretStr

from relay.channels.named import STRICT, check_known, one_name, value_of, without_url
from relay.configfile.validation import Name
from relay.domain.deliveries import Limit, Notification, Receipt
from relay.domain.documents import moment
from relay.domain.links import PORT
from relay.errors import DeliveryError
from relay.receiving.scheme import Draft
from relay.receiving.schemes import SCHEMES
from relay.receiving.secret_strength import refuse_weak

ENDPOINTS = "channels.webhook.endpoints"
SCHEME = SCHEMES["standard-webhooks"]
# Without encryption to this machine alone.
ADDRESS = re.compile(
    rf"(https://|http://(?=(localhost|127\.0\.0\.1|\[::1\])([:/]|\Z)))([\w.-]+|\[::1\]){PORT}(/[!-~]*)?", re.ASCII
)
DEADLINE = 15.0  # seconds; for the connection a third of it
MAX_ANSWER = 1024  # bytes that are read of a refusal
# The request cannot have reached the other side: there was no connection to send it on.
NO_CONNECTION = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)


def _https(url: SecretStr) -> SecretStr:
    if not ADDRESS.fullmatch(url.get_secret_value()):
        raise ValueError("expected an https address without a user, such as https://billing.example.com/relay")
    return url


class Endpoint(BaseModel):
    """A program's address, and the secret by which it knows relay."""

    model_config = STRICT
    url: Annotated[SecretStr, AfterValidator(_https)]
    secret: Annotated[SecretStr, AfterValidator(refuse_weak)]  # whsec_…, or any text


class WebhookSettings(BaseModel):
    """`channels.webhook` in the configuration."""

    model_config = STRICT
    endpoints: Annotated[dict[Name, Endpoint], Field(min_length=1)]

    def own_host(self, name: str) -> str:
        """Return the host of an endpoint: one that fails says nothing about the others."""
        endpoint = self.endpoints.get(name)
        return urlsplit(endpoint.url.get_secret_value()).hostname or "" if endpoint else ""

    def modes_at(self, name: str) -> tuple[str, ...]:
        """Return the modes of an endpoint. ValueError if there is none of this name."""
        check_known(name, self.endpoints, ENDPOINTS)
        return Webhook.modes


class Webhook:
    """The channel. Addresses are names of endpoints."""

    Settings = WebhookSettings
    modes: ClassVar[tuple[str, ...]] = ("each",)
    calls: ClassVar[bool] = False
    renders: ClassVar[bool] = False
    addresses = staticmethod(partial(one_name, key=ENDPOINTS))
    max_concurrency: ClassVar[int] = 8
    timeout: ClassVar[float] = DEADLINE + 5.0

    def __init__(
        self, settings: WebhookSettings, *, clock: Callable[[], float] = time.time, deadline: float = DEADLINE
    ) -> None:
        self._endpoints, self._clock, self._deadline = settings.endpoints, clock, deadline
        self._session: aiohttp.ClientSession | None = None

    @staticmethod
    def limits(address: str, *_: object) -> tuple[tuple[Limit, ...], tuple[Limit, ...]]:
        """Return a limit that hardly is one: while the endpoint throttles, what is for it waits under its name."""
        return (Limit(f"webhook:post:{address}", 0.002, burst=500),), ()

    async def send(self, notification: Notification) -> Receipt:
        name, endpoint = notification.address, value_of(notification.address, self._endpoints, ENDPOINTS)
        self._session = self._session or _session(self._deadline)
        url, data = endpoint.url.get_secret_value(), dict(notification.content)
        at = (moment(data.get("timestamp")) or notification.created_at).isoformat()
        document = {"type": notification.event, "timestamp": at, "labels": dict(notification.labels), "data": data}
        body = json.dumps(document).encode()  # as docs/programs.md says
        # The same in every attempt: by it the program knows a repetition.
        message = f"msg_{sha256(notification.delivery.encode()).hexdigest()[:32]}"
        draft = Draft(body, SCHEME.header, message, int(self._clock()))
        headers = {"Content-Type": "application/json"} | SCHEME.sign(draft, endpoint.secret.get_secret_value().encode())
        try:
            async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as response:
                answer = b"" if response.status // 100 == 2 else await response.content.read(MAX_ANSWER)
        # The causes go no further: they may show the URL.
        except NO_CONNECTION as error:
            reason = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or "none in time"
            raise DeliveryError(f"{name}: no connection: {reason}", unsent=True, pause="channel") from None
        except (aiohttp.ClientError, TimeoutError) as error:
            how = "in time" if isinstance(error, TimeoutError) else f"to the end ({type(error).__name__})"
            raise DeliveryError(f"{name} did not answer {how}", outcome_unknown=True, pause="channel") from None
        if response.status // 100 == 2:
            return Receipt(f"{name} answered {response.status}")
        raise _refused(name, response, without_url(answer.decode("utf-8", "replace"), url))

    async def check(self) -> str:
        """Name the endpoints: only a message shows whether they answer."""
        return f"{', '.join(self._endpoints)}: `relay test-send` shows whether they answer"

    async def aclose(self) -> None:
        if self._session:
            await self._session.close()


def _session(deadline: float) -> aiohttp.ClientSession:
    """Open a session in the loop that it is used in. Each message has a connection: an idle one may be dead."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(force_close=True), timeout=aiohttp.ClientTimeout(deadline, connect=deadline / 3),
        auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": "relay", "Accept-Encoding": "identity"},
    )  # fmt: skip


def _refused(name: str, response: aiohttp.ClientResponse, said: str) -> DeliveryError:
    """Translate an answer that is not 2xx."""
    text, status = f"{name} answered {response.status}{said and f': {said}'}", response.status
    seconds = response.headers.get("Retry-After", "")
    wait = max(1.0, float(seconds)) if re.fullmatch("[0-9]{1,9}", seconds) else None
    if status == 429:
        return DeliveryError(text, retry_after=wait, pause="limit")
    if status >= 500:  # 503 says that it was not taken
        return DeliveryError(text, retry_after=wait, pause="channel", outcome_unknown=status != 503)
    hint = "; relay follows no redirect: write the address that it leads to" if status < 400 else ""
    return DeliveryError(text + hint, permanent=True)
