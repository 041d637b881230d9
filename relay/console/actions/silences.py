"""Beginning a silence, and ending one before its time."""

from typing import Any

from pydantic import Field

from relay.console.access import Who
from relay.console.actions.acting import Acting
from relay.console.desk import Desk
from relay.console.questions import Name
from relay.console.view import Done, Form
from relay.console.words import said
from relay.domain.silences import Then
from relay.errors import RelayError, StoreUnavailable
from relay.operating.silences import Asked, begin, end, silence_of
from relay.store.silences import SilenceList

REFUSED = said("Nothing was done: %(fault)s")


class SilenceForm(Form):
    """As `relay silence add` is told: matchers or `everything`; `lasts` (2h) or `until` (18:00, or a time)."""

    reason: str = Field("", max_length=500)
    destination: list[Name] = Field([], max_length=50)
    job: list[Name] = Field([], max_length=50)
    type: list[Name] = Field([], max_length=50)
    priority: list[Name] = Field([], max_length=50)
    tenant: list[Name] = Field([], max_length=50)
    project: list[Name] = Field([], max_length=50)
    everything: bool = False
    lasts: Name | None = None
    until: Name | None = None
    begins: Name | None = None
    then: Then = "summary"


class ExpireForm(Form):
    """The id of one."""

    id: Name


async def add(desk: Desk, form: SilenceForm, who: Who) -> Done:
    config = desk.config()
    fields: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in form}
    try:
        silence = silence_of(Asked(**fields), config, who.name, desk.clock())
        await begin(SilenceList(desk.store), silence, Acting(desk, who), config.timezone)
    except StoreUnavailable:
        raise
    except RelayError as error:
        return Done(REFUSED, {"fault": str(error)}, refused=True)
    return Done(said("Silence %(id)s was added."), {"id": silence.id})


async def expire(desk: Desk, form: ExpireForm, who: Who) -> Done:
    if not await end(SilenceList(desk.store), form.id, Acting(desk, who)):
        return Done(said("Nothing was ended: it was over already, or there is none."), refused=True)
    return Done(said("Silence %(id)s has ended; what it held is told now, where it is to be told."), {"id": form.id})
