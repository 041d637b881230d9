"""Silences, made and ended by operators: what was asked as a silence, each act written down, and as plain facts."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from relay.config import Config
from relay.configfile.units import duration
from relay.configfile.validation import suggest
from relay.domain.events import PRIORITIES
from relay.domain.silences import THEN, Silence, Then, faults
from relay.errors import RelayError
from relay.operating.acts import OpenAct
from relay.operating.clocks import local
from relay.policy.recipients import NAME
from relay.store.silences import SilenceList, new_id

CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
EXPECTED = "expected for instance 18:00, or 2024-01-20T12:40"
WORDS = {"destinations": "at {}", "jobs": "named {}", "types": "of type {}", "priorities": "of priority {}",
         "tenants": "of tenant {}", "projects": "of project {}"}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What an operator wrote: matchers, or `everything` in their place; how long it `lasts`, or `until` when."""

    reason: str
    destination: tuple[str, ...] = ()
    job: tuple[str, ...] = ()
    type: tuple[str, ...] = ()
    priority: tuple[str, ...] = ()
    tenant: tuple[str, ...] = ()
    project: tuple[str, ...] = ()
    everything: bool = False
    lasts: str | None = None
    until: str | None = None
    begins: str | None = None
    then: Then = "summary"


def silence_of(options: Asked, config: Config, author: str, now: float) -> Silence:
    """RelayError that says everything that is wrong. Times are by the clocks of the configuration's zone."""
    names = {*config.destinations, *([NAME] if config.dynamic_destinations else [])}
    destinations = tuple(each for name in options.destination for each in config.destinations_of(name))
    if unknown := [name for name in destinations if name not in names]:
        raise RelayError(f"there is no destination {unknown[0]}; {suggest(unknown[0], names)}")
    if unknown := [word for word in options.priority if word not in PRIORITIES]:
        raise RelayError(f"there is no priority {unknown[0]}; {suggest(unknown[0], PRIORITIES)}")
    starts = at(options.begins, config.timezone, now) if options.begins is not None else now
    silence = Silence(
        new_id(),
        author,
        options.reason.strip(),
        starts,
        _end(options, config.timezone, starts),
        now,
        options.then,
        destinations=destinations,
        jobs=options.job,
        types=options.type,
        priorities=options.priority,
        tenants=options.tenant,
        projects=options.project,
    )
    if wrong := faults(silence, now, everything=options.everything):
        raise RelayError("\n".join(f"this silence cannot be: {sentence}" for sentence in wrong))
    return silence


def _end(options: Asked, zone: str, starts: float) -> float:
    if (options.lasts is None) == (options.until is None):
        raise RelayError("when does it end? expected how long it lasts, or until when, one of the two")
    if options.until is not None:
        return at(options.until, zone, starts)
    try:
        return starts + duration(options.lasts)
    except ValueError as error:
        raise RelayError(f"{options.lasts}: {error}") from None


def at(text: str, zone: str, after: float) -> float:
    """The time that `18:00` (the next one) or `2024-01-20T12:40` means, by the clocks of this zone where it names none.

    RelayError for what is neither.
    """
    here, stated = ZoneInfo(zone), text.strip()
    try:
        if match := CLOCK.fullmatch(stated):
            day = datetime.fromtimestamp(after, here)
            named = day.replace(hour=int(match[1]), minute=int(match[2]), second=0, microsecond=0, fold=0)
            return (named if named.timestamp() > after else named + timedelta(days=1)).timestamp()
        named = datetime.fromisoformat(stated)
        return (named if named.tzinfo else named.replace(tzinfo=here)).timestamp()
    except (ValueError, OverflowError):  # it is no time, or one beyond the years that there are
        raise RelayError(f"{text}: {EXPECTED}") from None


async def begin(silences: SilenceList, silence: Silence, open_act: OpenAct, zone: str) -> None:
    """RelayError where there are too many. The audit trail has its times by the clocks of this zone."""
    async with open_act("silence add", silence.id, **described(silence, zone)) as act:
        await silences.add(silence)
        act.outcome = "added"


async def end(silences: SilenceList, id_: str, open_act: OpenAct) -> bool:
    """False: it was over already, or there is none."""
    async with open_act("silence expire", id_) as act:
        ended = await silences.expire(id_)
        act.outcome = "ended" if ended else "was over already"
    return ended


def described(silence: Silence, zone: str) -> dict[str, str]:
    """For the audit trail and for people."""
    return {
        "of": meaning(silence),
        "from": local(_time(silence.starts), zone),
        "until": local(_time(silence.until), zone),
        "then": THEN[silence.then],
        "reason": silence.reason,
    }


def meaning(silence: Silence) -> str:
    """`at process-mining or team, named Sales *`"""
    parts = [WORDS[name].format(" or ".join(words)) for name, words in silence.matchers().items()]
    return ", ".join(parts) or "everything"


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
