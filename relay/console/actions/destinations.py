"""Pause and resume a destination, send it a test message, suppress an address and write to it again."""

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import UTC, datetime
from functools import wraps
from typing import Any

from pydantic import Field

from relay.console.access import Identity
from relay.console.context import Context
from relay.console.facts import Form, Name, NameForm
from relay.console.view import Done, refused
from relay.engine.suppressions import EVERYWHERE
from relay.errors import RelayError, StoreUnavailable
from relay.operating.blockers import Blockers
from relay.operating.clocks import local
from relay.operating.pauses import require_destination, seconds_of
from relay.operating.test_message import WrongEvent, send_test
from relay.policy.presentation import OWNER
from relay.policy.reachability import DESTINATION, channel_scope
from relay.rendering.translations import CONSOLE_TEST_NOTE, TEST_NOTE
from relay.store.audit import COMMAND
from relay.store.queries.reachability import OperatorPauses
from relay.store.queries.suppressions import ADDED, Suppressions
from relay.store.trials import Trials

PATIENCE = 20.0  # seconds for the answer to a test message, since a page waits for it
PATIENCE_OF_COMMANDS = 60.0


Perform = Callable[[Context, Any, Identity], Awaitable[Done]]


def for_each_of_a_team(act: Perform) -> Perform:
    """Act at each destination of the team that the form names, and answer with all outcomes."""

    @wraps(act)
    async def acts(context: Context, form: Any, identity: Identity) -> Done:
        names = context.config().destinations_of(form.name)
        done = [await act(context, form.model_copy(update={"name": name}), identity) for name in names]
        if len(done) == 1:
            return done[0]
        text = " ".join(result.text for result in done)
        sent = [row for result in done for row in result.facts.get("sent", ())]
        return Done(text, refused=all(result.refused for result in done), facts={**done[0].facts, "sent": sent})

    return acts


class PauseForm(Form):
    """`lasts` is for instance 2h; without it the pause has no end."""

    name: Name
    reason: str = Field("", max_length=500)
    lasts: Name = ""


class TrialForm(Form):
    """The name of a configured destination; `event`: that of the sample, by default the usual one."""

    name: Name
    event: Name = ""


@for_each_of_a_team
async def pause(context: Context, form: PauseForm, identity: Identity) -> Done:
    config = context.config()
    require_destination(form.name, config)
    seconds = seconds_of(form.lasts) if form.lasts else None
    detail = {"lasts": form.lasts} if form.lasts else {}
    async with context.act(identity, "destination pause", form.name, reason=form.reason, **detail) as act:
        await OperatorPauses(context.store).pause(form.name, form.reason, identity.name, seconds=seconds)
        act.outcome = "paused"
    if seconds is None:
        return Done(f"{form.name} is paused until somebody resumes it: its messages wait.")
    until = local(datetime.fromtimestamp(context.clock() + seconds, UTC), config.timezone)
    return Done(f"{form.name} is paused until {until}: its messages wait.", facts={"until": until})


@for_each_of_a_team
async def resume(context: Context, form: NameForm, identity: Identity) -> Done:
    """It need not be configured any more."""
    async with context.act(identity, "destination resume", form.name) as act:
        lifted = await OperatorPauses(context.store).resume(form.name)
        act.outcome = "resumed" if lifted else "was not paused"
    if not lifted:
        require_destination(form.name, context.config())
        return Done(f"Nothing was resumed: nobody has paused {form.name}.", refused=True)
    blockers = Blockers(context.store, context.admin, context.config(), context.clock())
    if left := await blockers.remaining(form.name):
        return Done(f"{form.name} goes on. {'; '.join(left)}")
    return Done(f"{form.name} goes on: what waited for its addresses goes out.")


@for_each_of_a_team
async def send_trial(context: Context, form: TrialForm, identity: Identity) -> Done:
    """By this process's own open channel, at once: also while the destination is paused, quiet, or has a digest."""
    config, trials = context.config(), Trials(context.store)
    require_destination(form.name, config)
    destination = config.destinations.get(form.name)
    channel = context.channels.get(destination.channel) if destination else None
    if destination is None or channel is None:
        return _unsent(f"the configuration has no addresses of {form.name}.")
    off = await Suppressions(context.store).among(destination.name, destination.addresses)
    written_to = tuple(address for address in destination.addresses if address not in off and address != OWNER)
    if not written_to and OWNER in destination.addresses:
        return _unsent(f"{form.name} is for the owner of each event, and a test has none.")
    if not written_to:
        return _unsent("none of its addresses is written to any more.")
    if wait := await trials.begin(destination.name):
        return _unsent(f"{form.name} got a test message just now. Try again in {round(wait) or 1} s.")
    command = identity.via == COMMAND
    async with context.act(identity, "test-send", destination.name) as act:
        try:
            trial = await send_test(
                destination.model_copy(update={"addresses": written_to}),
                config,
                channel,
                context.renderer(),
                note=TEST_NOTE if command else CONSOLE_TEST_NOTE,
                now=datetime.fromtimestamp(context.clock(), UTC),
                patience=PATIENCE_OF_COMMANDS if command else PATIENCE,
                event=form.event,
            )
        except WrongEvent as error:  # of this part of a team; another may have been sent to
            act.outcome = "refused"
            return refused(str(error))
        act.outcome = trial.outcome
    reached = [row.address for row in trial.sent if not row.error]
    channels = [channel_scope(config, destination.channel, address) for address in reached]
    places = [f"{DESTINATION}{destination.name}/{address}" for address in reached]
    with contextlib.suppress(StoreUnavailable):  # the message was sent: no reason to try again
        await trials.works([*dict.fromkeys(channels), *places])
    rows = sorted(trial.sent, key=lambda row: not row.error)
    answers = "; ".join(f"{row.address}: {row.error or row.answer}" for row in rows)
    text = f"The test message reached {trial.reached} of {len(trial.sent)} addresses of {form.name}: {answers}"
    facts = {"event": trial.event, "fault": trial.fault, "sent": [asdict(row) for row in trial.sent]}
    return Done(text, refused=not trial.reached, facts=facts)


def _unsent(fault: str) -> Done:
    return Done(f"Nothing was sent: {fault}", refused=True)


class AddressForm(Form):
    """`destination` may be `*` for all of them. To write again, it may be empty: every entry of the address goes."""

    destination: Name = ""
    address: Name


async def suppress(context: Context, form: AddressForm, identity: Identity) -> Done:
    if form.destination != EVERYWHERE:
        require_destination(form.destination, context.config())
    address, scope = _spelled(context, form.address), _scope(form.destination)
    async with context.act(identity, "suppressed add", scope, address=address) as act:
        added = await Suppressions(context.store).add(address, form.destination, reason=ADDED)
        act.outcome = "added" if added else "there already"
    state = "is not written to any more" if added else "was there already"
    return Done(f"{address}, {scope}, {state}.")


async def allow(context: Context, form: AddressForm, identity: Identity) -> Done:
    """Take it off the list of those who are not written to any more, where another entry of it may stay."""
    suppressions = Suppressions(context.store)
    entries = [row for row in await suppressions.find(form.address) if form.destination in ("", row.destination)]
    removed = False
    for entry in entries:
        scope = _scope(entry.destination)
        async with context.act(identity, "suppressed remove", scope, address=entry.address) as act:
            gone = await suppressions.remove(entry.address, entry.destination)
            act.outcome = f"removed, was {entry.reason}" if gone else "was not on the list"
            removed = removed or gone
    if not removed:
        return refused(f"{form.address} is not on the list.")
    if left := {row.destination for row in await suppressions.find(form.address)}:
        names = ", ".join("every destination" if scope == EVERYWHERE else scope for scope in sorted(left))
        return Done(f"{form.address} is still on the lists of: {names}")
    return Done(f"{form.address} is written to again.")


def _spelled(context: Context, text: str) -> str:
    """Return it as a destination would spell it. RelayError if it is no address that can be suppressed."""
    faults = []
    for channel in context.kinds.values():
        if getattr(channel, "unsubscribes", False):
            try:
                [address] = channel.addresses(text)
            except ValueError as error:
                faults.append(str(error))
            else:
                return str(address)
    raise RelayError(faults[0])


def _scope(destination: str) -> str:
    return "everywhere" if destination == EVERYWHERE else f"at {destination}"
