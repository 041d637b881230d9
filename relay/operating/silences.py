"""A silence as operators ask for it, and its meaning in words."""

from collections.abc import Sequence
from typing import Any

from relay.config import Config
from relay.configfile.units import duration
from relay.configfile.words import suggest
from relay.domain.events import PRIORITIES
from relay.domain.silences import Silence, Then, faults
from relay.errors import RelayError
from relay.operating.clocks import next_moment
from relay.operating.pauses import destination_names
from relay.store.queries.silences import new_id

WORDS = {"destinations": "at {}", "jobs": "named {}", "types": "of type {}", "priorities": "of priority {}",
         "tenants": "of tenant {}", "projects": "of project {}"}  # fmt: skip
MATCHERS = {"destination": "destinations", "job": "jobs", "type": "types", "priority": "priorities",
            "tenant": "tenants", "project": "projects"}  # fmt: skip


def silence_of(
    config: Config,
    author: str,
    now: float,
    *,
    reason: str,
    lasts: str | None = None,
    until: str | None = None,
    begins: str | None = None,
    then: Then = "summary",
    everything: bool = False,
    **matchers: Sequence[str],
) -> Silence:
    """Return a new silence of `matchers` (`MATCHERS`) or `everything`. RelayError with everything that is wrong."""
    names = destination_names(config)
    matchers["priority"] = [word.capitalize() for word in matchers.get("priority", ())]
    matchers["destination"] = [
        single for name in matchers.get("destination", ()) for single in config.destinations_of(name)
    ]
    for name, allowed in (("destination", names), ("priority", PRIORITIES)):
        if unknown := [word for word in matchers.get(name, ()) if word not in allowed]:
            raise RelayError(f"there is no {name} {unknown[0]}; {suggest(unknown[0], allowed)}")
    starts = next_moment(begins, config.timezone, now) if begins is not None else now
    end = _end(lasts, until, config.timezone, starts)
    words: dict[str, Any] = {MATCHERS[name]: tuple(some) for name, some in matchers.items()}
    silence = Silence(new_id(), author, reason.strip(), starts, end, now, then, **words)
    if wrong := faults(silence, now, everything=everything):
        raise RelayError("\n".join(f"this silence cannot be: {sentence}" for sentence in wrong))
    return silence


def _end(lasts: str | None, until: str | None, zone: str, starts: float) -> float:
    if lasts is not None and until is None:
        try:
            return starts + duration(lasts)
        except ValueError as error:
            raise RelayError(f"{lasts}: {error}") from None
    if until is not None and lasts is None:
        return next_moment(until, zone, starts)
    raise RelayError("when does it end? expected how long it lasts, or until when, one of the two")


def meaning(silence: Silence) -> str:
    """Return `at process-mining or team, named Sales *`."""
    parts = [WORDS[name].format(" or ".join(words)) for name, words in silence.matchers().items()]
    return ", ".join(parts) or "everything"
