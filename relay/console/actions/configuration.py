"""Reading the configuration again."""

from relay.console.access import Identity
from relay.console.actions.acting import how_of
from relay.console.desk import Desk
from relay.console.view import Done, Form


class ReloadForm(Form):
    """Nothing has to be said."""


async def reload(desk: Desk, _form: ReloadForm, who: Identity) -> Done:
    """As SIGHUP does, in this process alone. The audit trail has it with who asked."""
    done = desk.reload(actor=who.name, **how_of(who))
    if done.refusal:
        return Done("Nothing was done: %(fault)s", {"fault": done.refusal}, refused=True)
    values = {"config": done.after, "before": done.before, "keys": ", ".join(done.needs_restart)}
    text = "The configuration was read again and is in use: %(config)s, before %(before)s."
    return Done(f"{text} These keys need a restart: %(keys)s." if done.needs_restart else text, values)
