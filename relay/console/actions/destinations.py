"""Pausing a destination, resuming it, sending it a test message, and writing to one of its addresses again."""

from datetime import UTC, datetime

from pydantic import Field

from relay.config import Config
from relay.console.access import Identity
from relay.console.actions.acting import Acting
from relay.console.desk import Desk
from relay.console.questions import Name
from relay.console.view import Done, Form
from relay.console.words import said
from relay.errors import RelayError, StoreUnavailable
from relay.operating import pauses
from relay.operating.blockers import Blockers
from relay.operating.test_message import send_test
from relay.policy.recipients import NAME
from relay.rendering.notices import CONSOLE_TEST_NOTE
from relay.store.operator_pauses import OperatorPauses
from relay.store.suppressions import EVERYWHERE, Suppressions
from relay.store.trials import LastTrial, Trials, TriedAddress

PATIENCE = 20.0  # seconds in which a test message has its answer: somebody looks at a page that does not come
TRIED = {  # by whether all addresses were reached
    True: said("The test message to %(name)s was taken; below is the answer."),
    False: said("The test message reached %(reached)s of %(all)s addresses of %(name)s; below is why."),
}


class PauseForm(Form):
    """`lasts` is for instance 2h; without it the pause has no end."""

    name: Name
    reason: str = Field("", max_length=500)
    lasts: Name = ""


class ResumeForm(Form):
    """The name of a destination, which need not be configured any more."""

    name: Name


class TrialForm(Form):
    """The name of a destination that is configured."""

    name: Name


class AllowForm(Form):
    """`destination` may be `*`, of an address that is on the list for all of them."""

    destination: Name
    address: Name


async def pause(desk: Desk, form: PauseForm, who: Identity) -> Done:
    try:
        await pauses.pause(
            OperatorPauses(desk.store),
            _names(desk.config()),
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


async def resume(desk: Desk, form: ResumeForm, who: Identity) -> Done:
    if await pauses.resume(OperatorPauses(desk.store), form.name, open_act=Acting(desk, who)):
        left = await Blockers(desk.store, desk.admin, desk.config(), desk.clock()).remaining(form.name)
        if left:
            return Done(said("%(name)s goes on. %(notes)s"), {"name": form.name, "notes": "; ".join(left)})
        return Done(said("%(name)s goes on: what waited for it goes out."), {"name": form.name})
    return Done(said("Nothing was resumed: nobody has paused %(name)s."), {"name": form.name}, refused=True)


async def send_trial(desk: Desk, form: TrialForm, who: Identity) -> Done:
    """By this process's own open channel, at once: also while the destination is paused, quiet, or has a digest."""
    config, trials = desk.config(), Trials(desk.store)
    destination = config.destinations.get(form.name)
    channel = desk.channels.get(destination.channel) if destination else None
    if destination is None or channel is None:
        text = said("Nothing was sent: the configuration has no addresses of %(name)s.")
        return Done(text, {"name": form.name}, refused=True)
    off = await Suppressions(desk.store).among(destination.name, destination.addresses)
    if len(off) == len(destination.addresses):
        text = said("Nothing was sent: none of its addresses is written to any more.")
        return Done(text, refused=True)
    if wait := await trials.begin(destination.name, desk.clock()):
        text = said("Nothing was sent: %(name)s got a test message just now. Try again in %(seconds)s s.")
        return Done(text, {"name": form.name, "seconds": round(wait) or 1}, refused=True)
    reached = destination.model_copy(
        update={"addresses": tuple(address for address in destination.addresses if address not in off)}
    )
    async with Acting(desk, who)("test-send", destination.name) as act:
        trial = await send_test(
            reached,
            config,
            channel,
            desk.renderer(),
            note=CONSOLE_TEST_NOTE,
            now=datetime.fromtimestamp(desk.clock(), UTC),
            patience=PATIENCE,
        )
        act.outcome = trial.outcome
    rows = [TriedAddress(row.address, row.answer, row.error) for row in trial.sent]
    values: dict[str, str | int] = {"reached": trial.reached, "all": len(rows), "name": form.name}
    try:
        await trials.keep(destination.name, LastTrial(desk.clock(), who.name, rows))
    except StoreUnavailable:  # what was sent stays sent: nobody shall be told to try again
        text = said("The test message reached %(reached)s of %(all)s addresses of %(name)s: %(answers)s")
        values["answers"] = "; ".join(f"{row.address}: {row.error or row.answer}" for row in rows)
    else:
        text = TRIED[trial.reached == len(rows)]
    return Done(text, values, refused=not trial.reached)


async def allow(desk: Desk, form: AllowForm, who: Identity) -> Done:
    """Take it off the list of those who are not written to any more, where another entry of it may stay."""
    suppressions = Suppressions(desk.store)
    async with Acting(desk, who)("suppressed remove", form.destination, address=form.address) as act:
        removed = await suppressions.remove(form.address, form.destination)
        act.outcome = "removed" if removed else "was not on the list"
    if not removed:
        return Done(said("Nothing was done: %(address)s is not on the list."), {"address": form.address}, refused=True)
    left = await suppressions.scopes(form.address, _names(desk.config()))
    if EVERYWHERE in left:
        text = said("%(address)s is off the list of %(name)s, and still on the one for every destination.")
        return Done(text, {"address": form.address, "name": form.destination})
    if left and form.destination == EVERYWHERE:
        text = said("%(address)s is written to again, but not by these, on whose own lists it still is: %(names)s")
        return Done(text, {"address": form.address, "names": ", ".join(left)})
    return Done(said("%(address)s is written to again."), {"address": form.address})


def _names(config: Config) -> list[str]:
    return [*config.destinations, *([NAME] if config.dynamic_destinations else [])]
