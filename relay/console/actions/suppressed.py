"""Writing to an address no more, and again."""

from relay.config import Config
from relay.configfile.validation import suggest
from relay.console.access import Identity
from relay.console.actions.acting import Acting
from relay.console.desk import Desk
from relay.console.questions import Name
from relay.console.view import Done, Form
from relay.console.words import said
from relay.policy.recipients import NAME
from relay.store.suppressions import ADDED, EVERYWHERE, Suppressions


class AddressForm(Form):
    """`destination` may be `*` for all of them. To write again, it may be empty: every entry of the address goes."""

    destination: Name = ""
    address: Name


async def suppress(desk: Desk, form: AddressForm, who: Identity) -> Done:
    names = destinations_of(desk.config())
    if form.destination not in (EVERYWHERE, *names):
        fault = f"there is no destination {form.destination}; {suggest(form.destination, names)}"
        return Done("Nothing was done: %(fault)s", {"fault": fault}, refused=True)
    try:
        address = _spelled(desk, form.address)
    except ValueError as error:
        return Done("Nothing was done: %(fault)s", {"fault": str(error)}, refused=True)
    async with Acting(desk, who)("suppressed add", _scope(form.destination), address=address) as act:
        added = await Suppressions(desk.store).add(address, form.destination, reason=ADDED)
        act.outcome = "added" if added else "there already"
    text = (
        "%(address)s, %(scope)s, is not written to any more." if added else "%(address)s, %(scope)s, was there already."
    )
    return Done(text, {"address": address, "scope": _scope(form.destination)})


async def allow(desk: Desk, form: AddressForm, who: Identity) -> Done:
    """Take it off the list of those who are not written to any more, where another entry of it may stay."""
    suppressions = Suppressions(desk.store)
    entries = [row for row in await suppressions.find(form.address) if form.destination in ("", row.destination)]
    removed = False
    for entry in entries:
        async with Acting(desk, who)("suppressed remove", _scope(entry.destination), address=entry.address) as act:
            gone = await suppressions.remove(entry.address, entry.destination)
            act.outcome = f"removed, was {entry.reason}" if gone else "was not on the list"
            removed = removed or gone
    if not removed:
        return Done(said("Nothing was done: %(address)s is not on the list."), {"address": form.address}, refused=True)
    left = await suppressions.scopes(form.address, destinations_of(desk.config()))
    if EVERYWHERE in left:
        text = said("%(address)s is off the list of %(name)s, and still on the one for every destination.")
        return Done(text, {"address": form.address, "name": form.destination})
    if left and form.destination == EVERYWHERE:
        text = said("%(address)s is written to again, but not by these, on whose own lists it still is: %(names)s")
        return Done(text, {"address": form.address, "names": ", ".join(left)})
    return Done(said("%(address)s is written to again."), {"address": form.address})


def destinations_of(config: Config) -> list[str]:
    return [*config.destinations, *([NAME] if config.dynamic_destinations else [])]


def _spelled(desk: Desk, text: str) -> str:
    """Return it as a destination would spell it. ValueError if it is no address that can be written to no more."""
    faults = []
    for channel in desk.kinds.values():
        if getattr(channel, "unsubscribes", False):
            try:
                [address] = channel.addresses(text)
            except ValueError as error:
                faults.append(str(error))
            else:
                return str(address)
    raise ValueError(faults[0])


def _scope(destination: str) -> str:
    return "everywhere" if destination == EVERYWHERE else f"at {destination}"
