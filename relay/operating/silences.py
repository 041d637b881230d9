"""Silences, begun and ended by operators: a request as a silence, and each act written down."""

from dataclasses import dataclass
from datetime import UTC, datetime

from relay.config import Config
from relay.configfile.units import duration
from relay.configfile.validation import suggest
from relay.domain.events import PRIORITIES
from relay.domain.silences import THEN, Silence, Then, faults
from relay.errors import RelayError
from relay.operating.acts import OpenAct
from relay.operating.clocks import local, next_moment
from relay.operating.pauses import destination_names
from relay.store.silences import SilenceList, new_id

WORDS = {"destinations": "at {}", "jobs": "named {}", "types": "of type {}", "priorities": "of priority {}",
         "tenants": "of tenant {}", "projects": "of project {}"}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request by an operator: matchers, or `everything` in their place; how long it `lasts`, or `until` when."""

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


def silence_of(asked: Asked, config: Config, author: str, now: float) -> Silence:
    """Raise RelayError with everything that is wrong. Times are by the clocks of the configuration's zone."""
    names = destination_names(config)
    if unknown := [name for name in asked.destination if name not in names]:
        raise RelayError(f"there is no destination {unknown[0]}; {suggest(unknown[0], names)}")
    if unknown := [word for word in asked.priority if word not in PRIORITIES]:
        raise RelayError(f"there is no priority {unknown[0]}; {suggest(unknown[0], PRIORITIES)}")
    starts = next_moment(asked.begins, config.timezone, now) if asked.begins is not None else now
    silence = Silence(
        new_id(), author, asked.reason.strip(), starts, _end(asked, config.timezone, starts), now, asked.then,
        destinations=asked.destination, jobs=asked.job, types=asked.type, priorities=asked.priority,
        tenants=asked.tenant, projects=asked.project,
    )  # fmt: skip
    if wrong := faults(silence, now, everything=asked.everything):
        raise RelayError("\n".join(f"this silence cannot be: {sentence}" for sentence in wrong))
    return silence


def _end(asked: Asked, zone: str, starts: float) -> float:
    if asked.lasts is not None and asked.until is None:
        try:
            return starts + duration(asked.lasts)
        except ValueError as error:
            raise RelayError(f"{asked.lasts}: {error}") from None
    if asked.until is not None and asked.lasts is None:
        return next_moment(asked.until, zone, starts)
    raise RelayError("when does it end? expected how long it lasts, or until when, one of the two")


async def begin(silences: SilenceList, silence: Silence, open_act: OpenAct, zone: str) -> None:
    """Raise RelayError where there are too many. The audit trail has its times by the clocks of this zone."""
    detail = {
        "of": meaning(silence), "from": local(_time(silence.starts), zone),
        "until": local(_time(silence.until), zone), "then": THEN[silence.then], "reason": silence.reason,
    }  # fmt: skip
    async with open_act("silence add", silence.id, **detail) as act:
        await silences.add(silence)
        act.outcome = "added"


async def end(silences: SilenceList, id_: str, open_act: OpenAct) -> bool:
    """Return False if it was over already, or there is none."""
    async with open_act("silence expire", id_) as act:
        ended = await silences.expire(id_)
        act.outcome = "ended" if ended else "was over already"
    return ended


def meaning(silence: Silence) -> str:
    """Return `at process-mining or team, named Sales *`."""
    parts = [WORDS[name].format(" or ".join(words)) for name, words in silence.matchers().items()]
    return ", ".join(parts) or "everything"


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
