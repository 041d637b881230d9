"""Apprise: Teams, Discord, Telegram, ntfy, PagerDuty and others, by its library (the extra `apprise`).

The library answers yes or no, and logs why. It is imported when a destination uses it.
"""

import asyncio
import logging
import re
from functools import partial
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, Field, SecretStr

from relay.channels.named import STRICT, check_known, one_name, value_of, without_url
from relay.configfile.validation import Name
from relay.domain.deliveries import Limit, Notification, Receipt
from relay.errors import DeliveryError
from relay.policy.presentation import MAILED_EVENTS
from relay.rendering.texts import ZERO_WIDTH_SPACE, cut

URLS = "channels.apprise.urls"
PATIENCE = 15.0  # seconds that the library may take
MAX_TEXT = 1800  # characters; Discord takes 2,000, others divide
KINDS = {"Completed": "success", "Failed": "failure", "Timeout": "failure", "Stalled": "warning"}
_FOOTER = re.compile("\n-- ?\n")  # of a mail: why its reader has it
_CALLS = re.compile(r"@(?=[\w&!])|<(?=[\w@#!&])")  # what Discord, Teams and others call people by


class AppriseSettings(BaseModel):
    """`channels.apprise` in the configuration."""

    model_config = STRICT
    urls: Annotated[dict[Name, SecretStr], Field(min_length=1)]

    def modes_at(self, name: str) -> tuple[str, ...]:
        """Return the modes of a service. ValueError says why nothing can be sent there."""
        check_known(name, self.urls, URLS)
        library_with(name, self.urls[name].get_secret_value())
        return Apprise.modes


def library_with(name: str, url: str) -> Any:
    """Return Apprise with this service alone. ValueError where it is not installed, or knows no such address."""
    try:
        import apprise  # noqa: PLC0415 - without such a destination nothing of it is needed
    except ModuleNotFoundError:
        raise ValueError("it needs apprise, which is not installed: pip install 'operation-relay[apprise]'") from None
    logging.getLogger("apprise").propagate = False  # its lines may hold what is in the URL
    asset = apprise.AppriseAsset(app_id="relay", app_desc="relay", app_url="", image_url_mask="", image_url_logo="")
    library = apprise.Apprise(asset=asset)
    if not library.add(url) or len(library) != 1:  # of two, one could be told twice
        raise ValueError(f"Apprise does not understand {URLS}.{name}")
    return library


class Apprise:
    """The channel. Addresses are names of URLs."""

    Settings = AppriseSettings
    modes: ClassVar[tuple[str, ...]] = ("each",)
    calls: ClassVar[bool] = False
    templates: ClassVar[str] = "email"
    addresses = staticmethod(partial(one_name, key=URLS))
    default_events: ClassVar[frozenset[str]] = MAILED_EVENTS
    max_concurrency: ClassVar[int] = 4
    timeout: ClassVar[float] = PATIENCE + 10.0

    def __init__(self, settings: AppriseSettings, *, patience: float = PATIENCE) -> None:
        self._urls, self._patience = settings.urls, patience

    @staticmethod
    def limits(address: str, *_: object) -> tuple[tuple[Limit, ...], tuple[Limit, ...]]:
        """Return a message a second, which most of these services take."""
        return (Limit(f"apprise:post:{address}", 1.0, burst=4),), ()

    async def send(self, notification: Notification) -> Receipt:
        name, url = notification.address, value_of(notification.address, self._urls, URLS).get_secret_value()
        # It blocks, and `patience` ends it. A few such threads at the most: `max_concurrency`.
        status, reason = await asyncio.to_thread(self._notify, notification, url)
        if status == "SUCCESS":
            return Receipt(f"Apprise sent it to {name}")
        reason = without_url(reason, url) or "it does not say why"
        if status == "TIMEOUT":
            raise DeliveryError(f"Apprise had no answer from {name} in time: {reason}", outcome_unknown=True)
        raise DeliveryError(f"Apprise could not send it to {name}: {reason}")

    async def check(self) -> str:
        """Name the services: only a message shows whether they answer."""
        return f"{', '.join(self._urls)}: `relay test-send` shows whether they answer"

    async def aclose(self) -> None:
        """Do nothing: each message has connections of its own."""

    def _notify(self, notification: Notification, url: str) -> tuple[str, str]:
        """Send it; return the status and the last line that was logged."""
        content = notification.content
        text = cut(_FOOTER.split(content["text"])[0].strip(), MAX_TEXT)
        try:
            library = library_with(notification.address, url)
        except ValueError as error:
            raise DeliveryError(str(error), pause="destination", unsent=True) from None
        library[0].socket_read_timeout = self._patience + 1.0  # shorter, it would count as a refusal
        result = library.notify(
            inert(text), inert(content["subject"]), KINDS.get(notification.labels.get("status", ""), "info"),
            body_format="text", timeout=self._patience,
        )  # fmt: skip
        return result.status.name, next((entry.message for entry in reversed([*result.logs()])), "")


def inert(text: str) -> str:
    """Break what would call people: an event holds whatever its sender likes."""
    return _CALLS.sub(lambda match: match[0] + ZERO_WIDTH_SPACE, text)
