"""Beginning a silence, and ending one before its time."""

import asyncio
from datetime import UTC, datetime
from functools import partial

from pydantic import Field

from relay.background.upkeep import IN_FORCE
from relay.console.access import Identity
from relay.console.context import Context
from relay.console.facts import N_, Form, IdForm, Name, Value
from relay.console.view import Done
from relay.console.views.records import Silenced
from relay.domain.silences import Then
from relay.operating.clocks import CLOCK, local
from relay.operating.silences import begin, end, meaning, silence_of
from relay.store.audit import COMMAND
from relay.store.silences import SilenceList


class SilenceForm(Silenced, Form):
    """Matchers or `everything`; `lasts` (2h) or `until` (18:00, or a time)."""

    reason: str = Field("", max_length=500)
    lasts: Name | None = None
    until: Name | None = None
    begins: Name | None = None
    then: Then = "summary"


async def add(context: Context, form: SilenceForm, identity: Identity) -> Done:
    config = context.config()
    silence = silence_of(config, identity.name, context.clock(), **dict(form))
    await begin(SilenceList(context.store), silence, partial(context.act, identity), config.timezone)
    await _spread(context, identity)
    begins, until = (local(datetime.fromtimestamp(at, UTC), config.timezone) for at in (silence.starts, silence.ends))
    text = N_("Silence %(id)s was added (%(scope)s), from %(begins)s until %(until)s.")
    passed = CLOCK.fullmatch((form.until or "").strip()) and begins[:10] != until[:10]
    more = [N_("It ends on the next day: that time of day has passed already.")] if passed else ()
    return Done(text, {"id": silence.id, "scope": meaning(silence), "begins": begins, "until": until}, more=more)


async def expire(context: Context, form: IdForm, identity: Identity) -> Done:
    silences = SilenceList(context.store)
    rows = await silences.all()
    meant = [row for row in rows if row.id == form.id] or [row for row in rows if row.id.startswith(form.id)]
    if len(meant) != 1:
        text = N_("Several silences begin with %(id)s.") if meant else N_("There is no silence %(id)s.")
        return Done(text, {"id": form.id}, refused=True)
    [silence] = meant
    values: dict[str, Value] = {"id": silence.id}
    count = (await silences.held([silence.id]))[silence.id]
    if not await end(silences, silence.id, partial(context.act, identity)):
        return Done(N_("Nothing was ended: silence %(id)s was over already."), values, refused=True)
    await _spread(context, identity)
    if silence.then == "nothing":
        return Done(N_("Silence %(id)s has ended. What it held is not told, as it was to be."), values)
    text = N_("Silence %(id)s has ended. Deliveries that it held, and that are told together now: %(count)s.")
    return Done(text, {**values, "count": count})


async def _spread(context: Context, identity: Identity) -> None:
    """Go by it here at once. A command is answered when all processes do: a script may rely on that."""
    await context.refresh_silences()
    if identity.via == COMMAND:
        await asyncio.sleep(IN_FORCE)
