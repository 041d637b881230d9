"""Sending a digest before its time."""

from relay.background.upkeep import at_hand
from relay.console.access import Identity
from relay.console.actions.acting import Acting
from relay.console.desk import Desk
from relay.console.questions import Name
from relay.console.view import Done, Form
from relay.errors import RelayError
from relay.operating.digests import digest_named


class DigestForm(Form):
    """The name of a destination with `mode: digest`."""

    name: Name


async def send_now(desk: Desk, form: DigestForm, who: Identity) -> Done:
    config = desk.config()
    try:
        destination = digest_named(config, form.name)
    except RelayError as error:
        return Done("Nothing was done: %(fault)s", {"fault": str(error)}, refused=True)
    sent = []
    async with Acting(desk, who)("digest send", form.name) as act:
        for target, window in at_hand(destination, config, desk.kinds, desk.clock()):
            if await desk.store.bundles.send_now(target, window):
                sent.append(target.address)
        act.outcome = f"queued for {len(sent)}" if sent else "nothing to send"
    text = (
        "Queued for %(addresses)s."
        if sent
        else "Nothing was done: nothing has come in for %(name)s since its last digest."
    )
    return Done(text, {"name": form.name, "addresses": ", ".join(sent)}, refused=not sent)
