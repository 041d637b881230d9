"""Making a new key for links and buttons."""

from relay.configfile.units import duration
from relay.console.access import Identity
from relay.console.actions.acting import Acting
from relay.console.desk import Desk
from relay.console.questions import Name
from relay.console.view import Done, Form
from relay.operating.clocks import local
from relay.store.signing_keys import MOST, SigningKeys, name_of

KEEP = "366d"
DEAD = "What they sealed does not work any more: links in mails that were sent, and buttons that stand."


class RotateForm(Form):
    """How long what the present key sealed works on; with 0 no longer, nor that of others. `force`: also where the
    oldest of too many keys has to go before its time.
    """

    keep: Name = KEEP
    force: bool = False


async def rotate(desk: Desk, form: RotateForm, who: Identity) -> Done:
    try:
        seconds = 0.0 if form.keep == "0" else duration(form.keep)
    except ValueError as error:
        return Done("Nothing was done: %(fault)s", {"fault": f"keep: {error}"}, refused=True)
    signing, now = SigningKeys(desk.store), await desk.store.time()
    before = name_of(await signing.current())
    working = [key for key in await signing.retired() if key.until.timestamp() > now]
    if seconds and len(working) >= MOST and not form.force:
        until = local(working[-1].until, desk.config().timezone)
        fault = (
            f"{MOST} earlier keys still work, and {working[-1].name} would have to go before {until}. {DEAD} --force"
        )
        return Done("Nothing was done: %(fault)s", {"fault": f"{fault} does it all the same"}, refused=True)
    async with Acting(desk, who)("keys rotate", before, keep=form.keep) as act:
        new, forgotten = await signing.rotate(now, seconds)
        act.outcome = f"now {name_of(new)}"
    gone = [key.name for key in forgotten if key.until.timestamp() > now] + ([] if seconds else [before])
    text = "The new key is %(present)s, in place of %(before)s."
    values = {"present": name_of(new), "before": before, "forgotten": ", ".join(gone)}
    return Done(f"{text} Forgotten: %(forgotten)s. {DEAD}" if gone else text, values)
