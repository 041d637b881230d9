"""A destination: a named place that rules notify, with its mode, its language and its manners."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field

from relay.backoff import RetryPolicy
from relay.configfile import Document, Place
from relay.deliveries import Mode
from relay.durations import duration
from relay.events import PRIORITIES, STATUSES
from relay.sources import Name
from relay.validation import Duration, Section, Texts, known_name, spelled, suggest, validate

MOMENTS = tuple(status.lower() for status in STATUSES)
MENTIONS = (*MOMENTS, *(f"{priority.lower()}_{moment}" for priority in PRIORITIES for moment in MOMENTS))

Channels = Mapping[str, Any]  # by name, classes that follow relay.channels.Channel


def known_zone(written: str) -> str:
    """Accepts the name of a time zone."""
    try:
        ZoneInfo(written)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        example = "expected for instance Europe/Berlin or UTC"
        raise ValueError(f"unknown time zone; {suggest(written, available_timezones(), example)}") from None
    return written


def in_seconds(written: object) -> object:
    """A retry policy whose delays may be durations; what is none stays, for the policy itself to refuse."""
    if not isinstance(written, Mapping):
        return written
    seconds = dict(written)
    for key in {"retry_delay", "retryDelay", "max_delay", "maxDelay"} & seconds.keys():
        try:
            seconds[key] = duration(seconds[key])
        except ValueError:
            continue
    return seconds


Language = Annotated[str, spelled(r"[a-z]{2,3}([-_][A-Za-z]{2,4})?", "a language such as en, de or de-AT")]
Timezone = Annotated[str, AfterValidator(known_zone)]
Retry = Annotated[RetryPolicy, BeforeValidator(in_seconds)]


class Live(Section):
    """How restless a message is that is edited in place."""

    post_after: Annotated[Duration, Field(le=86_400)] = 60.0  # a run that is over sooner gets one message
    min_step: Annotated[float, Field(ge=0, le=100)] = 5.0  # percentage points between two edits
    min_interval: Annotated[Duration, Field(le=86_400)] = 15.0  # between two edits


class Manners(Section):
    """What may be written beside the address."""

    mode: Mode = "each"  # where it is not written, the channel's first
    language: Language | None = None
    timezone: Timezone | None = None
    retry: Retry | None = None
    live: Live = Live()
    mention: dict[Annotated[str, known_name(MENTIONS, "moment")], Texts] = Field(default_factory=dict)


class Destination(Manners):
    """One or more addresses of one channel under a name."""

    name: Name
    channel: str
    addresses: tuple[str, ...]


def read_destinations(document: Document, channels: Channels) -> dict[str, Destination]:
    """The destinations that are right; what is wrong with the others is reported to the document."""
    found = {}
    for name, written in document.section("destinations").items():
        if destination := _destination(name, written, document, channels):
            found[name] = destination
    return found


def warnings(destinations: Mapping[str, Destination]) -> Iterator[tuple[Place, str]]:
    """Where someone would be told the same twice, and by whom."""
    seen: dict[tuple[str, str, str], str] = {}
    for name, destination in destinations.items():
        for address in destination.addresses:
            first = seen.setdefault((destination.channel, address, destination.mode), name)
            if first != name:
                yield (
                    ("destinations", name, destination.channel),
                    f"{address} also stands in {first}: what reaches both is told there twice",
                )


def _destination(name: str, written: object, document: Document, channels: Channels) -> Destination | None:
    place: Place = ("destinations", name)
    named = [key for key in written if key in channels] if isinstance(written, Mapping) else []
    if not isinstance(written, Mapping) or len(named) != 1:
        document.report(place, f"expected {' or '.join(channels)} with an address, and one of them only")
        return None
    channel = named[0]
    addresses = _addresses(written[channel], channels[channel], document, (*place, channel))
    mode = _mode(written, channels[channel], document, place)
    rest = {key: value for key, value in written.items() if key != channel}
    manners = validate(Manners, rest, document, place)
    if manners is None or not addresses or not mode:
        return None
    given = {**dict(manners), "mode": mode, "name": name, "channel": channel, "addresses": addresses}
    return validate(Destination, given, document, place)


def _addresses(written: object, kind: Any, document: Document, place: Place) -> tuple[str, ...]:
    try:
        addresses = tuple(dict.fromkeys(kind.addresses(written)))
    except ValueError as error:
        document.report(place, str(error))
        return ()
    if not addresses:
        document.report(place, "expected at least one address")
    return addresses


def _mode(written: Mapping[str, object], kind: Any, document: Document, place: Place) -> object:
    mode = written.get("mode", kind.modes[0])
    if mode not in kind.modes:
        later = "digest comes with a later release of relay; " if mode == "digest" else ""
        document.report((*place, "mode"), f"{later}expected {' or '.join(kind.modes)}")
        return None
    if mode != "live" and "live" in written:
        document.report((*place, "live"), f"goes with mode: live, and this one is {mode}")
    return mode
