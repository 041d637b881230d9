"""Pausing and resuming destinations: requests are checked, and each act written down."""

from relay.config import Config
from relay.configfile.units import duration
from relay.configfile.validation import suggest
from relay.errors import RelayError
from relay.operating.acts import OpenAct
from relay.policy.recipients import NAME
from relay.store.operator_pauses import OperatorPauses

LONGEST_REASON = 500
SHORTEST = 1.0  # second


def destination_names(config: Config) -> list[str]:
    """Return the names of all destinations, with that of whoever operations ask for."""
    return [*config.destinations, *([NAME] if config.dynamic_destinations else [])]


def require_destination(name: str, config: Config) -> None:
    """Raise RelayError, with the nearest name, if there is no such destination."""
    if name not in (names := destination_names(config)):
        raise RelayError(f"there is no destination {name}; {suggest(name, names)}")


async def pause(
    pauses: OperatorPauses,
    config: Config,
    name: str,
    *,
    reason: str,
    lasts: str = "",
    by: str,
    open_act: OpenAct,
) -> float | None:
    """Return for how many seconds, None for no end. Raise RelayError that says what is wrong."""
    require_destination(name, config)
    reason = reason.strip()
    if not 0 < len(reason) <= LONGEST_REASON:
        raise RelayError(
            f"expected a reason of 1 to {LONGEST_REASON} characters, for whoever wonders why nothing comes"
        )
    seconds = _seconds(lasts) if lasts else None
    async with open_act("destination pause", name, reason=reason, **({"lasts": lasts} if lasts else {})) as act:
        await pauses.pause(name, reason, by, seconds=seconds)
        act.outcome = "paused"
    return seconds


async def resume(pauses: OperatorPauses, name: str, *, open_act: OpenAct) -> bool:
    """Return False if nobody had paused it. It need not be configured any more."""
    async with open_act("destination resume", name) as act:
        lifted = await pauses.resume(name)
        act.outcome = "resumed" if lifted else "was not paused"
    return lifted


def _seconds(lasts: str) -> float:
    try:
        seconds = duration(lasts)
    except ValueError as error:
        raise RelayError(f"{lasts}: {error}") from None
    if seconds < SHORTEST:
        raise RelayError(f"{lasts}: expected at least {SHORTEST:g} s; leave it out for a pause without an end")
    return seconds
