"""Channels: one class each, and the one table of them.

Adding one is a file here, a folder under `templates/` and a line in `CHANNELS` (docs/adding-a-channel.md).
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel

from relay.channels.apprise import Apprise
from relay.channels.email.channel import Email
from relay.channels.slack.channel import Slack
from relay.channels.webhook import Webhook
from relay.domain.deliveries import Limit, Notification, Receipt

__all__ = ["CHANNELS", "TEMPLATES", "Channel", "templates_of"]


class Channel(Protocol):
    """Interface of a channel. Built once by `app`, closed once, used by many attempts at a time.

    A class may have these members too; their readers never ask which channel it is:

    calls = True             messages can call people; without, a destination has no `mention`
    renders = True           its templates make a message; without, it gets each event's own document, whatever the
                             hour and however many of one cause
    templates = "teams"      the folder of its templates; without, its key in `CHANNELS`
    default_events = None    the events that a destination of mode `each` gets where no rule names them; None: all
    unsubscribes = False     each message has one reader, who can end it: it gets a link, and its address may be
                             suppressed
    max_requested = 0        how many addresses one operation may ask for; who may be asked for is a field of
                             `Audience`, `DynamicDestinations` and `KEYS` (relay.policy.recipients) too
    requested_address(name, allowed) -> str
                             the address that an operation may ask for by this name, given what dynamic_destinations
                             lists for the channel; ValueError says why not
    reader_of(address) -> str
                             whose address it is, where one reader has several; so many messages get there as operations
                             may ask for; without, each address is a reader's
    title = "Teams"          what pages call it; without, its key in `CHANNELS` with a capital
    async gave_up(content, error)
                             awaited before a delivery becomes a dead letter: for a channel that owes an answer
    async probe(address)     ask, without a message, whether the other side works there; DeliveryError if not
    finds(address) -> bool   a message can be looked up there whose answer was lost; without, it is sent again
    async find(notification, since) -> Receipt | None
                             the receipt of the message that an earlier attempt left at `since` (a datetime) or later,
                             by clocks that may differ by a minute; None if there is none. DeliveryError: it cannot be
                             looked up now; CannotFind: it cannot be looked up at all
    """

    Settings: ClassVar[type[BaseModel]]
    """Its table under `channels:` in the configuration. Where not every address can do all `modes`, it has
    `modes_at(address)`; ValueError says why it can do none. `warnings_for(address, mode, mentions)` yields what a
    destination asks for in vain. Where some addresses have credentials of their own, `own_host(address)` names the host
    that one is sent to, or '': such a host is paused by itself, and says nothing about the channel."""
    modes: ClassVar[tuple[str, ...]]
    """The destination modes it can do, the first being the default."""
    max_concurrency: ClassVar[int]
    """How many attempts may run at once. None waits inside `send`: a crash there would leave its outcome unknown."""
    timeout: ClassVar[float]
    """Seconds after which an attempt is over, whatever the other side does."""

    @staticmethod
    def addresses(value: object) -> list[str]:
        """The addresses that a destination's value names; ValueError says what was expected instead."""
        ...

    @staticmethod
    def limits(address: str, settings: Any = None) -> tuple[tuple[Limit, ...], tuple[Limit, ...]]:
        """The rate limits of a new message to this address, and those of an edit; their names without the settings."""
        ...

    async def send(self, notification: Notification) -> Receipt:
        """Deliver it now. Raises DeliveryError, and nothing else on purpose."""
        ...

    async def check(self) -> str:
        """Ask the other side whether it would take us (`relay check --live`). Raises DeliveryError."""
        ...

    async def aclose(self) -> None: ...


CHANNELS: Mapping[str, Any] = {"slack": Slack, "email": Email, "webhook": Webhook, "apprise": Apprise}


def templates_of(channel: str) -> str:
    """Return the folder of a channel's templates; '' for one that gets the event's own document."""
    kind = CHANNELS.get(channel)
    return str(getattr(kind, "templates", channel)) if getattr(kind, "renders", True) else ""


TEMPLATES = tuple(dict.fromkeys(filter(None, map(templates_of, CHANNELS))))  # the folders, in the order of `CHANNELS`
