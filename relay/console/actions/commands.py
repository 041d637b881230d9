"""Acts that commands and programs ask for: digests before their time, keys, login links, reloading."""

from relay.background.digests import at_hand
from relay.config import VIEWER, Role
from relay.configfile.units import duration
from relay.console.access import Identity
from relay.console.access.login_flow import MINUTES, make_link
from relay.console.context import Context, way_of
from relay.console.facts import Form, Name
from relay.console.view import Done, refused
from relay.operating.clocks import local
from relay.operating.digests import digest_named
from relay.receiving.access import is_loopback
from relay.store.sessions import Sessions
from relay.store.signing_keys import MOST, SigningKeys, name_of

KEEP = "366d"
DEAD = "What they sealed does not work any more: links in mails that were sent, and buttons that stand."


class DigestForm(Form):
    """The name of a destination with `mode: digest`."""

    name: Name


class RotateForm(Form):
    """How long what the present key sealed works on; with 0 no longer, nor that of others. `force`: also where the
    oldest of too many keys has to go before its time.
    """

    keep: Name = KEEP
    force: bool = False


class LinkForm(Form):
    """The role of whoever opens it."""

    role: Role = VIEWER


class ReloadForm(Form):
    """Nothing has to be said."""


async def send_digest(context: Context, form: DigestForm, identity: Identity) -> Done:
    config, sent = context.config(), list[str]()
    destination = digest_named(config, form.name)
    async with context.act(identity, "digest send", form.name) as act:
        for target, window in at_hand(destination, config, context.kinds, context.clock()):
            if await context.store.bundles.send_now(target, window):
                sent.append(target.address)
        act.outcome = f"queued for {len(sent)}" if sent else "nothing to send"
    if not sent:
        return refused(f"nothing has come in for {form.name} since its last digest.")
    text = "Queued for %(addresses)s."
    return Done(text, {"name": form.name, "addresses": ", ".join(sent)})


async def rotate_key(context: Context, form: RotateForm, identity: Identity) -> Done:
    try:
        seconds = 0.0 if form.keep == "0" else duration(form.keep)
    except ValueError as error:
        return refused(f"keep: {error}")
    signing, now = SigningKeys(context.store), await context.store.time()
    before = name_of(await signing.current())
    working = [key for key in await signing.retired() if key.until.timestamp() > now]
    if seconds and len(working) >= MOST and not form.force:
        until = local(working[-1].until, context.config().timezone)
        fault = f"{MOST} earlier keys still work, and {working[-1].name} would have to go before {until}."
        return refused(f"{fault} {DEAD} --force does it all the same")
    async with context.act(identity, "keys rotate", before, keep=form.keep) as act:
        new, forgotten = await signing.rotate(now, seconds)
        act.outcome = f"now {name_of(new)}"
    gone = [key.name for key in forgotten if key.until.timestamp() > now] + ([] if seconds else [before])
    text = "The new key is %(present)s, in place of %(before)s."
    values = {"present": name_of(new), "before": before, "forgotten": ", ".join(gone)}
    return Done(f"{text} Forgotten: %(forgotten)s. {DEAD}" if gone else text, values)


async def link(context: Context, form: LinkForm, identity: Identity) -> Done:
    """Make a link that lets one person into the console, once."""
    config = context.config()
    host = config.server.admin.host
    if not is_loopback(host) and not config.console.enabled:
        where = f"server.admin listens on {host or 'every address'}"
        return refused(f"the console is off: {where}, and nothing is configured under console")
    base = config.console.url or context.operators_url()
    async with context.act(identity, "console link", form.role, minutes=f"{MINUTES}"):
        address = await make_link(Sessions(context.store), base, form.role, identity.name)
    text = "It lets one %(role)s in, once, within %(minutes)s minutes."
    return Done(text, {"link": address, "role": form.role, "minutes": MINUTES})


async def reload(context: Context, _form: ReloadForm, identity: Identity) -> Done:
    """As SIGHUP does, in this process alone. The audit trail has it with who asked."""
    done = context.reload(actor=identity.name, **way_of(identity))
    if done.refusal:
        return refused(done.refusal)
    values = {"config": done.after, "before": done.before, "keys": ", ".join(done.needs_restart)}
    text = "The configuration was read again and is in use: %(config)s, before %(before)s."
    return Done(f"{text} These keys need a restart: %(keys)s." if done.needs_restart else text, values)
