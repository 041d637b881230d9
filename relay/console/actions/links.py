"""Making a link that lets one person into the console, once."""

from relay.config import VIEWER, Role
from relay.console.access import Identity
from relay.console.access.login_flow import MINUTES, make_link
from relay.console.actions.acting import Acting
from relay.console.desk import Desk
from relay.console.view import Done, Form
from relay.receiving.tls import is_loopback
from relay.store.sessions import Sessions


class LinkForm(Form):
    """What whoever opens it may."""

    role: Role = VIEWER


async def link(desk: Desk, form: LinkForm, who: Identity) -> Done:
    config = desk.config()
    if not is_loopback(config.server.admin.host) and not config.console.enabled:
        fault = (
            f"the console is off: server.admin listens on {config.server.admin.host or 'every address'}, and nothing "
            "is configured under console"
        )
        return Done("Nothing was done: %(fault)s", {"fault": fault}, refused=True)
    base = config.console.url or desk.operators_url()
    async with Acting(desk, who)("console link", form.role, minutes=f"{MINUTES}"):
        address = await make_link(Sessions(desk.store), base, form.role, who.name)
    text = "It lets one %(role)s in, once, within %(minutes)s minutes."
    return Done(text, {"link": address, "role": form.role, "minutes": MINUTES})
