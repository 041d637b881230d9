"""Suppressing an address, and writing to it again."""

from relay.configfile.validation import suggest
from relay.console.access import Identity
from relay.console.context import Context
from relay.console.facts import Form, Name
from relay.console.text import N_
from relay.console.view import Done, refused
from relay.operating.pauses import destination_names
from relay.store.suppressions import ADDED, EVERYWHERE, Suppressions


class AddressForm(Form):
    """`destination` may be `*` for all of them. To write again, it may be empty: every entry of the address goes."""

    destination: Name = ""
    address: Name


async def suppress(context: Context, form: AddressForm, identity: Identity) -> Done:
    names = destination_names(context.config())
    if form.destination not in (EVERYWHERE, *names):
        return refused(f"there is no destination {form.destination}; {suggest(form.destination, names)}")
    try:
        address = _spelled(context, form.address)
    except ValueError as error:
        return refused(str(error))
    scope = _scope(form.destination)
    async with context.act(identity, "suppressed add", scope, address=address) as act:
        added = await Suppressions(context.store).add(address, form.destination, reason=ADDED)
        act.outcome = "added" if added else "there already"
    state = "is not written to any more" if added else "was there already"
    return Done(f"%(address)s, %(scope)s, {state}.", {"address": address, "scope": scope})


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
        return Done(N_("Nothing was done: %(address)s is not on the list."), {"address": form.address}, refused=True)
    left = await suppressions.scopes(form.address, destination_names(context.config()))
    if EVERYWHERE in left:
        text = N_("%(address)s is off the list of %(name)s, and still on the one for every destination.")
        return Done(text, {"address": form.address, "name": form.destination})
    if left and form.destination == EVERYWHERE:
        text = N_("%(address)s is written to again, but not by these, on whose own lists it still is: %(names)s")
        return Done(text, {"address": form.address, "names": ", ".join(left)})
    return Done(N_("%(address)s is written to again."), {"address": form.address})


def _spelled(context: Context, text: str) -> str:
    """Return it as a destination would spell it. ValueError if it is no address that can be suppressed."""
    faults = []
    for channel in context.kinds.values():
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
