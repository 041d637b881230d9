"""State of each channel and each destination: never tried, works, failing or paused. Pure.

Every page, check and notice to operators answers from here; delivering records the facts (relay/engine/health.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

from relay.domain.events import Event
from relay.policy.destinations import Destination, DestinationOptions
from relay.policy.matching import Matcher
from relay.policy.owners import Owners
from relay.policy.recipients import DynamicDestinations
from relay.policy.retry import RetryPolicy

CHANNEL, DESTINATION, OPERATOR = "channel:", "destination:", "operator:"  # how a scope begins
DOWN = 45.0  # seconds of failing after which a channel counts as down: with a look each 10 s, told within a minute


class Configuration(Protocol):
    """The part of `relay.config.Config` that decides over targets."""

    @property
    def channels(self) -> Mapping[str, Any]: ...
    @property
    def destinations(self) -> Mapping[str, Destination]: ...
    def owner_emails(self, event: Event) -> tuple[str, ...]: ...
    def owners_of(self, event: Event) -> Owners | None: ...
    @property
    def dynamic_destinations(self) -> DynamicDestinations | None: ...
    @property
    def destination_defaults(self) -> DestinationOptions: ...
    @property
    def retry(self) -> RetryPolicy: ...
    @property
    def matcher(self) -> Matcher: ...


@dataclass(frozen=True, slots=True)
class State:
    """State of one scope. Times are seconds since the epoch."""

    name: Literal["never_tried", "works", "failing", "paused"] = "never_tried"
    since: float = 0.0  # of what fails, the first failure after the last success; of a pause, its beginning
    cause: str = ""  # the last error; of a pause, its reason
    refused: bool = False  # relay's credentials were refused: no time mends that
    by: str = ""  # who paused it
    until: float | None = None  # the end of a pause or a throttle; None: none is known
    parked: int = 0  # deliveries that wait for its end

    @property
    def fails(self) -> bool:
        return self.name == "failing"

    def is_down(self, now: float) -> bool:
        """Return whether it has failed for so long, or in such a way, that an operator has to act."""
        return self.fails and (self.refused or now - self.since >= DOWN)

    @property
    def why(self) -> str:
        """Return the cause, for pages whose times are in UTC."""
        return (
            self.cause
            if self.until is None or not self.fails
            else f"throttled until {_clock(self.until)}: {self.cause}"
        )

    @property
    def sentence(self) -> str:
        """Return the state in words, for `/readyz?verbose`."""
        wait = f" ({self.parked} {'waits' if self.parked == 1 else 'wait'})" if self.parked else ""
        if self.fails:
            return f"failing since {_clock(self.since)}: {self.why}{wait}"
        if self.name == "paused":
            until = "" if self.until is None else f" until {_clock(self.until, ':%S')}"
            return f"paused by {self.by}{until}{self.cause and f': {self.cause}'}{wait}"
        return "works" if self.name == "works" else "not tried yet"


States = Mapping[str, State]  # by scope


def own_host(settings: Any, address: str) -> str:
    """Return the host of an address that has credentials of its own; '' for the channel's."""
    host_of = getattr(settings, "own_host", None)
    return host_of(address) if host_of else ""


def channel_scope(config: Configuration, channel: str, address: str) -> str:
    """Return the scope of the channel at this address: its own host's where it has credentials of its own."""
    host = own_host(config.channels.get(channel), address)
    return f"{CHANNEL}{channel}@{host}" if host else f"{CHANNEL}{channel}"


def throttled_scope(config: Configuration, limit: str) -> str:
    """Return the scope of the channel whose limit (limit:<channel>:post:<address>) this is."""
    _, channel, _, address = f"{limit}::".split(":", 3)
    return channel_scope(config, channel, address.removesuffix("::"))


def scopes_at(config: Configuration, destination: str, channel: str, address: str) -> list[str]:
    """Return the scopes whose pauses hold back what is for this address, in the order in which it meets them."""
    its = channel_scope(config, channel, address)
    return [f"{OPERATOR}{destination}", its, f"{DESTINATION}{destination}/{address}", f"limit:{channel}:post:{address}"]


def scopes(config: Configuration) -> list[str]:
    """Return all scopes of this configuration: channels, then each address of each destination."""
    places = [(its, address) for its in config.destinations.values() for address in its.addresses]
    channels = [f"{CHANNEL}{name}" for name in config.channels]
    channels += [channel_scope(config, its.channel, address) for its, address in places]
    return [*dict.fromkeys(channels), *(f"{DESTINATION}{its.name}/{address}" for its, address in places)]


def destinations_of(config: Configuration) -> dict[str, list[str]]:
    """Return the names of the destinations that each scope of a channel reaches."""
    names: dict[str, dict[str, None]] = {}
    for its in config.destinations.values():
        for address in its.addresses:
            names.setdefault(channel_scope(config, its.channel, address), {})[its.name] = None
    return {scope: [*them] for scope, them in names.items()}


def _clock(seconds: float, exact: str = "") -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M{exact} UTC}"
