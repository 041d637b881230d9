"""A destination: named addresses that rules notify, with their mode, language and other options."""

from collections.abc import Iterator, Mapping
from datetime import time
from typing import Annotated, Any, ClassVar, Self

from pydantic import AliasChoices, BeforeValidator, Field, model_validator

from relay.configfile.document import Document, KeyPath
from relay.configfile.units import duration
from relay.configfile.validation import (
    NAME,
    Duration,
    DurationText,
    Name,
    Off,
    Section,
    Texts,
    is_off,
    keyed,
    known_name,
    one_or_more,
    spelled,
    validate,
)
from relay.configfile.words import nearest, suggest
from relay.domain.deliveries import Mode, Window
from relay.domain.events import PRIORITIES, STATUSES, Event
from relay.policy.retry import RetryPolicy
from relay.policy.schedules import EVERY_DAY, Clock, Days, Timezone, quiet

MOMENTS = tuple(dict.fromkeys((*(status.lower() for status in STATUSES), "stalled")))
MENTIONS = (*MOMENTS, *(f"{priority.lower()}_{moment}" for priority in PRIORITIES for moment in MOMENTS))

# Keys that one mode has.
OF_MODE = {"live": "live", "at": "digest", "days": "digest"}
NOT_OF_DIGESTS = ("alert_after", "hold_failure", "group_errors", "escalate")

Channels = Mapping[str, Any]  # by name, classes that follow relay.channels.Channel


Language = Annotated[str, spelled(r"[a-z]{2,3}([-_][A-Za-z]{2,4})?", "a language such as en, de or de-AT")]
BATCH_INTERVALS = 4  # of `live.min_interval` between two edits of a batch's message


class Live(Section):
    """Limits on the edits of a live message."""

    retired: ClassVar[Mapping[str, str]] = {
        "batch_interval": "removed; a batch's message is edited after four times min_interval",
    }

    post_after: Annotated[Duration, Field(le=86_400)] = 60.0  # a run that is over sooner gets one message
    min_step: Annotated[float, Field(ge=0, le=100)] = 5.0  # percentage points between two edits
    min_interval: Annotated[Duration, Field(le=86_400)] = 15.0  # between two edits


class QuietHours(Section):
    """Hours without new messages, except for the moments (as in `mention`) that pass."""

    begin: Annotated[Clock, Field(validation_alias=AliasChoices("from"))]
    end: Annotated[Clock, Field(validation_alias=AliasChoices("to"))]
    days: Days = EVERY_DAY  # those on which the quiet hours begin
    passing: Annotated[
        tuple[Annotated[str, known_name(MENTIONS, "moment")], ...],
        one_or_more,
        Field(validation_alias=AliasChoices("pass")),
    ] = ("critical_failed", "critical_timeout")

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if self.begin == self.end and self.days == EVERY_DAY:
            raise ValueError("from and to are the same on every day, so nothing would ever be told")
        return self

    def now(self, moment: float, zone: str) -> Window | None:
        """Return the quiet hours that this moment (seconds since the epoch) is in."""
        return quiet(moment, self.begin, self.end, self.days, zone)

    def lets_pass(self, event: Event) -> bool:
        member = event.name == "batch.operation.completed" and event.operation
        status = (member.status if member else event.status).lower()
        priority = event.operation.priority.lower() if event.operation else ""
        return status in self.passing or f"{priority}_{status}" in self.passing


NEVER = QuietHours.model_validate({"from": time(), "to": time(), "days": frozenset()})
# Of a channel that takes the event itself: a program neither sleeps nor tires of failures of one cause.
OF_PROGRAMS: Mapping[str, Any] = {"quiet_hours": NEVER, "group_errors": 0.0}


def _hours(raw: object) -> object:
    """Accept `off` for none here; without a value those at the top hold."""
    if is_off(raw):
        return NEVER
    return raw if raw is None else keyed('{from: "22:00", to: "07:00"}, or off')(raw)


Hours = Annotated[QuietHours | None, BeforeValidator(_hours, json_schema_input_type=QuietHours | Off | None)]


def _wait(raw: object) -> object:
    return 0.0 if is_off(raw) else duration(raw)


Wait = Annotated[float, BeforeValidator(_wait, json_schema_input_type=DurationText | Off), Field(ge=0, le=86_400)]


class Escalation(Section):
    """Step of an escalation: a destination that gets a critical failure which is not taken by then."""

    after: Annotated[Duration, Field(ge=1, le=86_400)]
    to: Annotated[str, spelled(NAME, "the name of a destination, not a login, an address or an owner")]


class ChannelOptions(Section):
    """Settings of a destination at one of its channels."""

    retired: ClassVar[Mapping[str, str]] = {
        "pace": "removed; use live, such as {post_after: 5m, min_step: 20, min_interval: 1m}",
        "when_empty": "removed; a weekly digest is sent when nothing happened, and a more frequent one is not",
    }

    mode: Mode = "each"  # where it is not written, the channel's first
    live: Live = Live()
    mention: Annotated[
        dict[Annotated[str, known_name(MENTIONS, "moment")], Texts],
        BeforeValidator(keyed('whom to call when, such as {failed: ["@analyst"]}')),
    ] = Field(default_factory=dict)
    alert_after: Annotated[int | None, Field(ge=1, le=50)] = None  # failures in a row of a job; None: the first calls
    at: Clock = time(8, 30)  # digest: when it is sent
    days: Days = EVERY_DAY  # digest: on which days


class DestinationOptions(ChannelOptions):
    """Settings of a destination beside its addresses."""

    language: Language | None = None
    timezone: Timezone | None = None
    retry: RetryPolicy | None = None
    quiet_hours: Hours = None  # where it is not written, those at the top
    hold_failure: Wait = 0.0  # one whose run is begun again meanwhile is told with its end alone
    group_errors: Wait = 600.0  # failures of one cause are told below the first for so long
    escalate: Annotated[tuple[Escalation, ...], Field(max_length=10)] = ()


class Destination(DestinationOptions):
    """One or more addresses of one channel under a name."""

    name: Name
    channel: str
    addresses: tuple[str, ...]

    @property
    def sent_empty(self) -> bool:
        """Return whether a digest is sent even if nothing happened: weekly ones are."""
        return len(self.days) == 1


def quiet_now(destinations: Mapping[str, Destination], defaults: DestinationOptions, now: float) -> dict[str, Window]:
    """Return the quiet hours at hand by destination, `*` for all others; empty if it is quiet nowhere."""
    windows = {"*": quiet_at(defaults, defaults, now)} | {
        name: quiet_at(destination, defaults, now) for name, destination in destinations.items()
    }
    return {name: window or Window(0.0, 0.0) for name, window in windows.items()} if any(windows.values()) else {}


def quiet_at(destination: DestinationOptions, defaults: DestinationOptions, now: float) -> Window | None:
    """Return the quiet hours that this moment is in at a destination."""
    hours = destination.quiet_hours or defaults.quiet_hours
    return hours.now(now, zone_at(destination, defaults)) if hours else None


def zone_at(destination: DestinationOptions, defaults: DestinationOptions) -> str:
    """Return the time zone of a destination's clocks."""
    return destination.timezone or defaults.timezone or "UTC"


def read_destinations(document: Document, channels: Channels) -> dict[str, Destination]:
    """Return the valid destinations; faults of the others are reported to the document."""
    read = {name: _destination(name, raw, document, channels) for name, raw in document.section("destinations").items()}
    return {name: destination for name, destination in read.items() if destination}


def modes_at(kind: Any, settings: Any, address: str) -> tuple[str, ...]:
    """Return the modes that are possible at an address, the default first."""
    by_address = getattr(settings, "modes_at", None)
    return tuple(by_address(address) if by_address else kind.modes)


def warnings(destinations: Mapping[str, Destination]) -> Iterator[tuple[KeyPath, str]]:
    """Warn of addresses that would get the same message twice, through two destinations."""
    names: dict[tuple[str, str, str], str] = {}
    for name, destination in destinations.items():
        for address in destination.addresses:
            first = names.setdefault((destination.channel, address, destination.mode), name)
            if first != name:
                yield (
                    ("destinations", name, destination.channel),
                    f"{address} also stands in {first}: what reaches both is told there twice",
                )


def _destination(name: str, raw: object, document: Document, channels: Channels) -> Destination | None:
    path: KeyPath = ("destinations", name)
    entries: Mapping[str, object] = raw if isinstance(raw, Mapping) else {}
    named = [key for key in entries if key in channels]
    if len(named) != 1:
        unknown = () if named else entries.keys() - DestinationOptions.model_fields.keys()
        if misspelt := sorted(key for key in unknown if nearest(key, channels)):
            document.report((*path, misspelt[0]), f"unknown key; {suggest(misspelt[0], channels)}")
        else:
            document.report(path, f"expected {' or '.join(channels)} with an address")
        return None
    channel = named[0]
    addresses = _addresses(entries[channel], channels[channel], document, (*path, channel))
    mode = _mode(entries, channels[channel], document, path)
    for key in () if getattr(channels[channel], "calls", True) else ("mention", "alert_after"):
        if key in entries:
            text = f"{channel} calls nobody; its readers are the addresses alone, so leave it out"
            document.report((*path, key), text)
    defaults = {} if getattr(channels[channel], "renders", True) else OF_PROGRAMS
    rest = {**defaults} | {key: value for key, value in entries.items() if key != channel}
    options = validate(DestinationOptions, rest, document, path)
    if options is None or not addresses or not mode:
        return None
    fields = {**dict(options), "mode": mode, "name": name, "channel": channel, "addresses": addresses}
    return validate(Destination, fields, document, path)


def _addresses(raw: object, kind: Any, document: Document, path: KeyPath) -> tuple[str, ...]:
    try:
        addresses = tuple(dict.fromkeys(kind.addresses(raw)))
    except ValueError as error:
        document.report(path, str(error))
        return ()
    if not addresses:
        document.report(path, "expected at least one address")
    return addresses


def _mode(raw: Mapping[str, object], kind: Any, document: Document, path: KeyPath) -> object:
    mode = raw.get("mode", kind.modes[0])
    if mode not in kind.modes:
        word = mode if isinstance(mode, str) else ""
        document.report((*path, "mode"), suggest(word, kind.modes, f"expected {' or '.join(kind.modes)}"))
        return None
    for key in NOT_OF_DIGESTS if mode == "digest" else ():
        if key in raw:
            text = "is for failures that are told at once, and this is a digest, so leave it out"
            document.report((*path, key), text)
    for key, required in OF_MODE.items():
        if mode != required and key in raw:
            document.report((*path, key), f"goes with mode: {required}, and this one is {mode}")
    return mode
