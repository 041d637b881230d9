"""Pausing a destination, resuming it, and writing to one of its addresses again."""

from pydantic import Field

from relay.console.access import Who
from relay.console.actions.acting import Acting
from relay.console.desk import Desk
from relay.console.questions import Name
from relay.console.view import Done, Form
from relay.console.words import said
from relay.errors import RelayError, StoreUnavailable
from relay.operating import pauses
from relay.policy.recipients import NAME
from relay.store.operator_pauses import OperatorPauses
from relay.store.suppressions import Suppressions


class PauseForm(Form):
    """`lasts` is for instance 2h; without it the pause has no end."""

    name: Name
    reason: str = Field("", max_length=500)
    lasts: Name = ""


class ResumeForm(Form):
    """The name of a destination, which need not be configured any more."""

    name: Name


class AllowForm(Form):
    """`destination` may be `*`, of an address that is on the list for all of them."""

    destination: Name
    address: Name


async def pause(desk: Desk, form: PauseForm, who: Who) -> Done:
    config = desk.config()
    names = [*config.destinations, *([NAME] if config.dynamic_destinations else [])]
    try:
        await pauses.pause(
            OperatorPauses(desk.store),
            names,
            form.name,
            reason=form.reason,
            lasts=form.lasts,
            by=who.name,
            open_act=Acting(desk, who),
        )
    except StoreUnavailable:
        raise
    except RelayError as error:
        return Done("Nothing was done: %(fault)s", {"fault": str(error)}, refused=True)
    return Done(said("%(name)s is paused: what is for it waits."), {"name": form.name})


async def resume(desk: Desk, form: ResumeForm, who: Who) -> Done:
    if await pauses.resume(OperatorPauses(desk.store), form.name, open_act=Acting(desk, who)):
        return Done(said("%(name)s goes on: what waited for it goes out."), {"name": form.name})
    return Done(said("Nothing was resumed: nobody has paused %(name)s."), {"name": form.name}, refused=True)


async def allow(desk: Desk, form: AllowForm, who: Who) -> Done:
    """Take it off the list of those who are not written to any more."""
    async with Acting(desk, who)("suppressed remove", form.destination, address=form.address) as act:
        removed = await Suppressions(desk.store).remove(form.address, form.destination)
        act.outcome = "removed" if removed else "was not on the list"
    if removed:
        return Done(said("%(address)s is written to again."), {"address": form.address})
    return Done(said("Nothing was done: %(address)s is not on the list."), {"address": form.address}, refused=True)
