"""Beginning a silence, and ending one before its time."""

import asyncio
from typing import Any

from pydantic import Field

from relay.background.upkeep import IN_FORCE
from relay.console.access import Identity
from relay.console.actions.acting import Acting
from relay.console.desk import Desk
from relay.console.questions import Name, Silenced
from relay.console.view import Done, Form
from relay.console.words import said
from relay.domain.silences import Then
from relay.errors import RelayError, StoreUnavailable
from relay.operating.silences import Asked, begin, end, silence_of
from relay.store.audit import COMMAND
from relay.store.silences import SilenceList

REFUSED = said("Nothing was done: %(fault)s")


class SilenceForm(Silenced, Form):
    """As `relay silence add` is told: matchers or `everything`; `lasts` (2h) or `until` (18:00, or a time)."""

    reason: str = Field("", max_length=500)
    lasts: Name | None = None
    until: Name | None = None
    begins: Name | None = None
    then: Then = "summary"


class ExpireForm(Form):
    """The id of one."""

    id: Name


async def add(desk: Desk, form: SilenceForm, who: Identity) -> Done:
    config = desk.config()
    fields: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in form}
    try:
        silence = silence_of(Asked(**fields), config, who.name, desk.clock())
        await begin(SilenceList(desk.store), silence, Acting(desk, who), config.timezone)
        await _everywhere(desk, who)
    except StoreUnavailable:
        raise
    except RelayError as error:
        return Done(REFUSED, {"fault": str(error)}, refused=True)
    return Done(said("Silence %(id)s was added."), {"id": silence.id})


async def expire(desk: Desk, form: ExpireForm, who: Identity) -> Done:
    kept = SilenceList(desk.store)
    silence = next((row for row in await kept.all() if row.id == form.id), None)
    count = (await kept.held([form.id]))[form.id]
    if not await end(kept, form.id, Acting(desk, who)):
        return Done(said("Nothing was ended: it was over already, or there is none."), refused=True)
    await _everywhere(desk, who)
    if silence and silence.then == "nothing":
        return Done(said("Silence %(id)s has ended. What it held is not told, as it was to be."), {"id": form.id})
    text = said("Silence %(id)s has ended. Deliveries that it held, and that are told together now: %(count)s.")
    return Done(text, {"id": form.id, "count": count})


async def _everywhere(desk: Desk, who: Identity) -> None:
    """Go by it here at once. A command is answered when all processes do: a script may rely on that."""
    await desk.refresh_silences()
    if who.via == COMMAND:
        await asyncio.sleep(IN_FORCE)
