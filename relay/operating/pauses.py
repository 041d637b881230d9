"""Names of destinations, and how long they are paused, as people type them."""

from relay.config import Config
from relay.configfile.units import duration
from relay.configfile.words import suggest
from relay.errors import RelayError
from relay.policy.recipients import NAME

SHORTEST = 1.0  # second


def destination_names(config: Config) -> list[str]:
    """Return the names of all destinations, with `dynamic` where that is configured."""
    return [*config.destinations, *([NAME] if config.dynamic_destinations else [])]


def require_destination(name: str, config: Config) -> None:
    """Raise RelayError, with the nearest name, if there is no such destination."""
    if name not in (names := destination_names(config)):
        raise RelayError(f"there is no destination {name}; {suggest(name, names)}")


def seconds_of(lasts: str) -> float:
    """Return how long a pause lasts. RelayError that says what was expected."""
    try:
        seconds = duration(lasts)
    except ValueError as error:
        raise RelayError(f"{lasts}: {error}") from None
    if seconds < SHORTEST:
        raise RelayError(f"{lasts}: expected at least {SHORTEST:g} s; leave it out for a pause without an end")
    return seconds
