"""Pausing a destination, resuming it, and sending it a test message."""

from collections.abc import Collection
from dataclasses import asdict
from datetime import UTC, datetime

from pydantic import Field

from relay.configfile.validation import suggest
from relay.console.access import Identity
from relay.console.actions.acting import Acting, for_each_of_a_team
from relay.console.actions.suppressed import destinations_of
from relay.console.desk import Desk
from relay.console.questions import Name
from relay.console.view import Done, Form
from relay.console.words import said
from relay.errors import RelayError, StoreUnavailable
from relay.operating import pauses
from relay.operating.blockers import Blockers
from relay.operating.example_events import WrongEvent
from relay.operating.test_message import send_test
from relay.rendering.translations import CONSOLE_TEST_NOTE, TEST_NOTE
from relay.store.audit import COMMAND
from relay.store.operator_pauses import OperatorPauses
from relay.store.suppressions import Suppressions
from relay.store.trials import LastTrial, Trials, TriedAddress

PATIENCE = 20.0  # seconds in which a test message has its answer: somebody looks at a page that does not come
PATIENCE_OF_COMMANDS = 60.0
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
    """The name of a destination that is configured; `event` is the sample that it tells of, else the usual one."""

    name: Name
    event: Name = ""


@for_each_of_a_team
async def pause(desk: Desk, form: PauseForm, who: Identity) -> Done:
    try:
        await pauses.pause(
            OperatorPauses(desk.store),
            destinations_of(desk.config()),
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


@for_each_of_a_team
async def resume(desk: Desk, form: ResumeForm, who: Identity) -> Done:
    if await pauses.resume(OperatorPauses(desk.store), form.name, open_act=Acting(desk, who)):
        left = await Blockers(desk.store, desk.admin, desk.config(), desk.clock()).remaining(form.name)
        if left:
            return Done(said("%(name)s goes on. %(notes)s"), {"name": form.name, "notes": "; ".join(left)})
        return Done(said("%(name)s goes on: what waited for it goes out."), {"name": form.name})
    if form.name not in (names := destinations_of(desk.config())):
        return _unknown(form.name, names)
    return Done(said("Nothing was resumed: nobody has paused %(name)s."), {"name": form.name}, refused=True)


@for_each_of_a_team
async def send_trial(desk: Desk, form: TrialForm, who: Identity) -> Done:
    """By this process's own open channel, at once: also while the destination is paused, quiet, or has a digest."""
    config, trials = desk.config(), Trials(desk.store)
    if form.name not in (names := destinations_of(config)):
        return _unknown(form.name, names)
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
        command = who.via == COMMAND
        try:
            trial = await send_test(
                reached,
                config,
                channel,
                desk.renderer(),
                note=TEST_NOTE if command else CONSOLE_TEST_NOTE,
                now=datetime.fromtimestamp(desk.clock(), UTC),
                patience=PATIENCE_OF_COMMANDS if command else PATIENCE,
                event=form.event,
            )
        except WrongEvent as error:
            act.outcome = "refused"
            return Done("Nothing was done: %(fault)s", {"fault": str(error)}, refused=True)
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
    facts = {"event": trial.event, "fault": trial.fault, "sent": [asdict(row) for row in trial.sent]}
    return Done(text, values, refused=not trial.reached, facts=facts)


def _unknown(name: str, names: Collection[str]) -> Done:
    fault = f"there is no destination {name}; {suggest(name, names)}"
    return Done("Nothing was done: %(fault)s", {"fault": fault}, refused=True)
