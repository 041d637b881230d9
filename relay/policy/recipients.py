"""Recipients and mentions that an operation requests itself (`operation.notifications`), as configured. Pure.

Only those are granted that `dynamic_destinations` allows; the others are explained.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field

from relay.configfile.validation import Duration, Off, Section, Texts, is_off, keyed, one_or_more, spelled
from relay.domain.deliveries import PERSON, RequestLimit
from relay.domain.events import Audience, Event
from relay.domain.parsing import is_whole

NAME = "dynamic"  # of such a destination
MAX_MENTIONS = 5
BY = "notifications of the operation"  # stands where a rule's name would

Domain = Annotated[str, spelled(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", "a domain such as example.com")]


class MessageLimit(Section):
    """Most new messages at an address in a time; one message tells the others."""

    count: Annotated[int, Field(ge=1, le=1_000)]
    per: Annotated[Duration, Field(ge=10, le=86_400)]


def _limit_or_off(raw: object) -> object:
    return None if is_off(raw) else keyed("{count: 20, per: 1h}, or off")(raw)


class DynamicDestinations(Section):
    """`dynamic_destinations` in the configuration."""

    email_domains: Annotated[tuple[Domain, ...], one_or_more] = ()  # exactly these, no domains below them
    slack: Texts = ()  # conversations, as destinations write them
    message_limit: Annotated[
        MessageLimit | None, BeforeValidator(_limit_or_off, json_schema_input_type=MessageLimit | Off | None)
    ] = MessageLimit(count=20, per=3600.0)  # to each address, of what operations ask for themselves
    mention: Texts | None = None  # who may be called; left out: any person, by name. A group or a whole room never

    @property
    def by_channel(self) -> dict[str, tuple[str, ...]]:
        """Return the allowed addresses of each channel that an operation may name."""
        return {channel: getattr(self, key) for channel, key in KEYS.items()}


KEYS = {"email": "email_domains", "slack": "slack"}  # channel → its key; one of its own name lists addresses


@dataclass(frozen=True, slots=True)
class DeniedRecipient:
    """Requested recipient that is not notified."""

    channel: str
    address: str
    why: str


@dataclass(frozen=True, slots=True)
class RequestedRecipients:
    """Requested recipients: the granted addresses by channel, and the denied ones."""

    addresses: Mapping[str, tuple[str, ...]]
    denied: tuple[DeniedRecipient, ...]


def requested_recipients(
    event: Event, allowed: DynamicDestinations | None, channels: Mapping[str, Any], settings: Mapping[str, BaseModel]
) -> RequestedRecipients:
    """Grant or deny the requests of this event's operation; a batch has none. `channels` are classes by name."""

    def decided(channel: str, request: str) -> tuple[str, str]:
        """Return the address and '', or '' and why it is denied."""
        if allowed is None:
            return "", "dynamic_destinations is not configured"
        if channel not in channels or channel not in settings:
            return "", f"channels.{channel} is not configured"
        if not (requested_address := getattr(channels[channel], "requested_address", None)):
            return "", f"no operation may ask for a recipient in {channel}"
        if not is_whole(request):
            return "", "it is too long, or has signs that cannot be shown"
        try:
            return requested_address(request, allowed.by_channel[channel]), ""
        except ValueError as error:
            return "", str(error)

    granted: dict[str, dict[str, str]] = {channel: {} for channel in KEYS}
    denied = []
    for channel, request in _requests(_audience(event)):
        address, why = decided(channel, request)
        allowed_count, same = getattr(channels.get(channel), "max_requested", 0), address.casefold()
        if address and len(granted[channel]) >= allowed_count and same not in granted[channel]:
            why = f"only {allowed_count} are told for an operation"
        if why:
            denied.append(DeniedRecipient(channel, request, why))
        else:
            granted[channel].setdefault(same, address)  # whoever is asked for in several spellings is told once
    return RequestedRecipients(
        {channel: tuple(addresses.values()) for channel, addresses in granted.items() if addresses}, tuple(denied)
    )


def unheard(event: Event, why: str) -> tuple[DeniedRecipient, ...]:
    """Deny all requests of this event's operation, whose source may make none."""
    return tuple(DeniedRecipient(channel, request, why) for channel, request in _requests(_audience(event)))


def limit_of(
    channel: str, address: str, allowed: DynamicDestinations | None, channels: Mapping[str, Any]
) -> RequestLimit | None:
    """Return the limit on the messages to this address that operations request themselves."""
    limit = allowed and allowed.message_limit
    if not limit:
        return None
    reader_of = getattr(channels[channel], "reader_of", None)
    return RequestLimit(reader_of(address) if reader_of else address, limit.count, limit.per)


def mentions(event: Event, allowed: DynamicDestinations | None) -> tuple[str, ...]:
    """Return the granted mentions of the operation: people alone, marked by PERSON."""
    if allowed is None:
        return ()
    listed = None if allowed.mention is None else {_bare(name) for name in allowed.mention}
    people = {_bare(name): name.strip() for name in _audience(event).mentions if _NAMED.fullmatch(name.strip())}
    granted = [name for bare, name in people.items() if bare not in _EVERYBODY and (listed is None or bare in listed)]
    return tuple(f"{PERSON}{name}" for name in granted[:MAX_MENTIONS])


def _audience(event: Event) -> Audience:
    operation = None if event.about_batch else event.operation
    return (operation.audience if operation else None) or Audience()


def _requests(audience: Audience) -> Iterator[tuple[str, str]]:
    yield from ((channel, request) for channel in KEYS for request in getattr(audience, channel))


def _bare(name: str) -> str:
    """Normalise a name for comparison: `＠Ｈｅｒｅ` is `here`."""
    return unicodedata.normalize("NFKC", name).strip("@! ").casefold()


_EVERYBODY = frozenset({"here", "channel", "everyone", "group"})
_NAMED = re.compile(r"@?[\w.+' -]{1,80}|[\w.+'-]{1,64}@[\w.-]+")  # a user's name or id, or an e-mail address
