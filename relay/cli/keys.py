"""relay keys: the key behind unsubscribe links and buttons, to look at and to rotate; and sealing older data."""

from pathlib import Path

import click
from rich.text import Text

from relay.cli.formatting import iso, local, print_json
from relay.cli.groups import Group
from relay.cli.options import config_option, json_option
from relay.cli.screen import show, table
from relay.cli.session import StoreSession, with_store
from relay.configfile.units import duration
from relay.errors import RelayError
from relay.store.seal_existing import SealExisting
from relay.store.signing_keys import MOST, RetiredKey, SigningKeys, name_of

KEEP = "366d"
DEAD = "What it sealed does not work any more: links in mails that were sent, and buttons that stand."


@click.group(cls=Group, short_help="Show and rotate the key behind links and buttons; seal older data.")
def keys() -> None:
    """The key by which relay knows its own unsubscribe links and buttons again. relay makes it, in its store.

    Works on a running relay, by the same configuration. Keys are shown by names from which nothing follows. `seal` is
    about another key, redis.encryption_key, and what was written before there was one.
    """


@keys.command("list", short_help="List the present key and those that still open.")
@config_option
@json_option
def list_(config: Path, *, as_json: bool) -> None:
    """List the present key, and the earlier ones whose links and buttons still work."""

    async def work(session: StoreSession) -> None:
        signing, now = SigningKeys(session.store), await session.store.time()
        present = name_of(await signing.current())
        retired = [key for key in await signing.retired() if key.until.timestamp() > now]
        if as_json:
            print_json({"present": present, "retired": [_to_json(key) for key in retired]})
            return
        rows, zone = table("key", "replaced", "works until"), session.config.timezone
        rows.add_row(Text(present), "", "it is replaced: relay keys rotate")
        for key in retired:
            rows.add_row(Text(key.name), local(key.at, zone), local(key.until, zone))
        show(rows)

    with_store(config, work)


@keys.command(short_help="Make a new key.")
@config_option
@click.option("--keep", default=KEEP, show_default=True, metavar="TIME",
              help="How long what the present key sealed works on; 0: no longer, nor that of others.")  # fmt: skip
@click.option("--force", is_flag=True, help="Also where the oldest of too many keys has to go before its time.")
@json_option
def rotate(config: Path, *, keep: str, force: bool, as_json: bool) -> None:
    """Make a new key for all links and buttons from now on. No relay needs a restart: within 5 seconds all have it.

    Links in mails that were sent go on working for as long as --keep says. Where somebody else may have the key, say
    --keep 0: then no earlier key opens anything any more.
    """
    try:
        seconds = 0.0 if keep.strip() == "0" else duration(keep)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--keep") from None

    async def work(session: StoreSession) -> None:
        signing, now = SigningKeys(session.store), await session.store.time()
        before = name_of(await signing.current())
        working = [key for key in await signing.retired() if key.until.timestamp() > now]
        if seconds and len(working) >= MOST and not force:
            oldest = working[-1]
            raise RelayError(
                f"{MOST} earlier keys still work, and {oldest.name} would have to go before "
                f"{local(oldest.until, session.config.timezone)}. {DEAD} --force does it all the same"
            )
        async with session.act("keys rotate", before, keep=keep) as act:
            new, forgotten = await signing.rotate(now, seconds)
            act.outcome = f"now {name_of(new)}"
        gone = [key.name for key in forgotten if key.until.timestamp() > now] + ([] if seconds else [before])
        if as_json:
            print_json({"before": before, "present": name_of(new), "forgotten": gone})
            return
        click.echo(f"new key {name_of(new)}, in place of {before}")
        for name in gone:
            click.echo(f"forgotten: {name}. {DEAD}")

    with_store(config, work)


@keys.command(short_help="Seal what was written before there was a redis.encryption_key.")
@config_option
@json_option
def seal(config: Path, *, as_json: bool) -> None:
    """Seal what is clear in Redis: run it once, when redis.encryption_key is new, before relay starts with the key.

    With the key relay refuses clear values. This calls them genuine, whoever wrote them: later, look first who wrote
    what relay refuses. It may be run again, with relay stopped or running. At the console people log in again.
    """

    async def work(session: StoreSession) -> None:
        sealer = session.store.sealer
        if sealer is None:
            raise RelayError("redis.encryption_key is not set, so there is no key to seal with")
        async with session.act("keys seal", sealer.name) as act:
            counts = await SealExisting(session.store, sealer).run()
            act.outcome = ", ".join(f"{kind}: {count}" for kind, count in counts.items()) or "nothing was clear"
        if as_json:
            print_json({"sealed": dict(counts)})
        else:
            click.echo(f"sealed with {sealer.name}: {act.outcome}")

    with_store(config, work, sealing=True)


def _to_json(key: RetiredKey) -> dict[str, str]:
    return {"key": key.name, "replaced": iso(key.at), "until": iso(key.until)}
