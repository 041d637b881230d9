"""Silences: which hold, begin later or are over; and beginning one, and ending one before its time."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field

from relay.background.upkeep import IN_FORCE
from relay.configfile.units import duration
from relay.configfile.words import suggest
from relay.console.access import Identity
from relay.console.context import Context
from relay.console.facts import Facts, Form, IdForm, Name, Names, Question, Time, Typed
from relay.console.view import Done
from relay.console.views.withheld import MATCHERS, Withheld, withheld, words_of
from relay.domain.deliveries import THEN, Then
from relay.domain.events import PRIORITIES
from relay.errors import RelayError
from relay.operating.clocks import CLOCK, local, next_moment
from relay.operating.pauses import destination_names
from relay.policy.silences import Silence, faults
from relay.store.audit import COMMAND
from relay.store.queries.silences import SilenceList

MOST_OVER = 100
MORNING = 8  # o'clock


class Silenced(BaseModel):
    """Matchers of a silence: all that are named must hold, any one word of each; or `everything`."""

    destination: Names = Field(default_factory=list)
    job: Names = Field(default_factory=list)
    type: Names = Field(default_factory=list)
    priority: Names = Field(default_factory=list)
    tenant: Names = Field(default_factory=list)
    project: Names = Field(default_factory=list)
    everything: bool = False

    @property
    def matchers(self) -> dict[str, list[str]]:
        return {name: getattr(self, name) for name in MATCHERS}


class SilencesQuestion(Silenced, Question):
    """Values for the form of a new silence; several by repeated names or by lines."""

    lasts: Typed = ""
    until: Typed = ""
    begins: Typed = ""
    then: Then = "summary"
    reason: Typed = ""


class SilenceFacts(Facts):
    """All `matchers` must match, one word of each; none: everything. `held`: messages waiting for its end."""

    id: str
    state: str
    begins: Time
    ends: Time
    matchers: dict[str, list[str]]
    then: str
    author: str
    reason: str
    held: int | None


class SilencesFacts(Facts):
    """Silences that are not over, by their ends; `over` of the last 30 days, the newest first, at most 100.

    tomorrow  the end of one until tomorrow morning; `withheld`: what the asked one would hold
    """

    active: list[SilenceFacts]
    pending: list[SilenceFacts]
    over: list[SilenceFacts]
    tomorrow: Time
    withheld: Withheld | None
    destinations: list[str] = Field(description="Names that one may be for.")
    priorities: list[str] = Field([*PRIORITIES])


async def silences(context: Context, question: SilencesQuestion) -> SilencesFacts:
    now, stored = context.clock(), SilenceList(context.store)
    every = await stored.all()
    by_state = {state: [row for row in every if row.state(now) == state] for state in ("active", "pending", "expired")}
    held = await stored.held([row.id for row in by_state["active"]])
    over = sorted(by_state["expired"], key=lambda row: -row.ends)[:MOST_OVER]
    return SilencesFacts(
        active=[silence_facts(row, now, held) for row in by_state["active"]],
        pending=[silence_facts(row, now) for row in by_state["pending"]],
        over=[silence_facts(row, now) for row in over],
        tomorrow=_tomorrow(context),
        withheld=await withheld(context, question.matchers)
        if question.everything or any(question.matchers.values())
        else None,
        destinations=destination_names(context.config()),
    )


def _tomorrow(context: Context) -> datetime:
    here = datetime.fromtimestamp(context.clock(), ZoneInfo(context.zone)) + timedelta(days=1)
    return here.replace(hour=MORNING, minute=0, second=0, microsecond=0)


def silence_facts(row: Silence, now: float, held: Mapping[str, int] | None = None) -> SilenceFacts:
    counted = (held or {}).get(row.id)
    return SilenceFacts.merged(row, state=row.state(now), begins=row.starts, matchers=row.matchers(), held=counted)


class SilenceForm(Silenced, Form):
    """Matchers or `everything`; `lasts` (2h) or `until` (18:00, or a time), or both and `begins` by a `preset`."""

    reason: str = Field("", max_length=500)
    lasts: Name | None = None
    until: Name | None = None
    begins: Name | None = None
    then: Then = "summary"
    preset: Literal["", "1h", "2h", "8h", "tomorrow"] = ""


async def add(context: Context, form: SilenceForm, identity: Identity) -> Done:
    """RelayError where there are too many."""
    if form.preset:
        tomorrow = _tomorrow(context).isoformat() if form.preset == "tomorrow" else None
        form = form.model_copy(update={"lasts": None if tomorrow else form.preset, "until": tomorrow, "begins": None})
    zone, silence = context.zone, _silence(context, form, identity.name)
    begins, until = (local(datetime.fromtimestamp(at, UTC), zone) for at in (silence.starts, silence.until))
    detail = {"scope": silence.scope, "from": begins, "until": until, "then": THEN[silence.then]}
    if silence.reason:
        detail["reason"] = silence.reason
    async with context.act(identity, "silence add", silence.id, **detail) as act:
        await SilenceList(context.store).add(silence)
        act.outcome = "added"
    await _spread(context, identity)
    later = silence.starts > context.clock()
    text = f"Silenced{f' from {begins}' if later else ''} until {until} ({silence.id})."
    if CLOCK.fullmatch((form.until or "").strip()) and begins[:10] != until[:10]:
        text += " It ends on the next day: that time of day has passed already."
    return Done(text, facts={"id": silence.id, "begins": begins, "until": until})


def _silence(context: Context, form: SilenceForm, author: str) -> Silence:
    """Return the new silence. RelayError with everything that is wrong."""
    config, now = context.config(), context.clock()
    words = words_of(config, form.matchers | {"priority": [word.capitalize() for word in form.priority]})
    for name, allowed in (("destination", destination_names(config)), ("priority", PRIORITIES)):
        if unknown := [word for word in words[MATCHERS[name]] if word not in allowed]:
            raise RelayError(f"there is no {name} {unknown[0]}; {suggest(unknown[0], allowed)}")
    starts = next_moment(form.begins, config.timezone, now) if form.begins is not None else now
    ends = _end(form, config.timezone, starts)
    silence = Silence(f"s-{token_hex(4)}", author, form.reason.strip(), starts, ends, now, form.then, **words)
    if wrong := faults(silence, now, everything=form.everything):
        raise RelayError("\n".join(f"this silence cannot be: {sentence}" for sentence in wrong))
    return silence


def _end(form: SilenceForm, zone: str, starts: float) -> float:
    if form.lasts is not None and form.until is None:
        try:
            return starts + duration(form.lasts)
        except ValueError as error:
            raise RelayError(f"{form.lasts}: {error}") from None
    if form.until is not None and form.lasts is None:
        return next_moment(form.until, zone, starts)
    raise RelayError("when does it end? expected how long it lasts, or until when, one of the two")


async def expire(context: Context, form: IdForm, identity: Identity) -> Done:
    silences = SilenceList(context.store)
    rows = await silences.all()
    meant = [row for row in rows if row.id == form.id] or [row for row in rows if row.id.startswith(form.id)]
    if len(meant) != 1:
        fault = f"Several silences begin with {form.id}." if meant else f"There is no silence {form.id}."
        return Done(fault, refused=True)
    [silence] = meant
    count = (await silences.held([silence.id]))[silence.id]
    async with context.act(identity, "silence expire", silence.id) as act:
        ended = await silences.expire(silence.id)
        act.outcome = "ended" if ended else "was over already"
    if not ended:
        return Done(f"Nothing was ended: silence {silence.id} was over already.", refused=True)
    await _spread(context, identity)
    text = "It held nothing back."
    if silence.then == "nothing":
        text = "What it held back is not sent, as chosen."
    elif count:
        text = f"Deliveries held back, now sent together: {count}."
    return Done(f"Silence {silence.id} has ended. {text}", facts={"id": silence.id})


async def _spread(context: Context, identity: Identity) -> None:
    """Go by it here at once. A command is answered when all processes do: a script may rely on that."""
    await context.refresh_silences()
    if identity.via == COMMAND:
        await asyncio.sleep(IN_FORCE)
