"""relay keys: the key behind unsubscribe links and buttons, to look at and to rotate; and sealing older data."""

from pathlib import Path

import click

from relay.cli.client import ClientCommand, get, perform, printed
from relay.cli.formatting import print_json
from relay.cli.groups import Group
from relay.cli.options import config_option, json_option
from relay.cli.screen import rows_table, show, when

KEEP = "366d"
COLUMNS = {
    "key": lambda row: row["key"],
    "replaced": lambda row: when(row["replaced"]),
    "works until": lambda row: when(row["until"]) or "it is replaced: relay keys rotate",
}


@click.group(cls=Group, short_help="Show and rotate the key behind links and buttons; seal older data.")
def keys() -> None:
    """The key by which relay knows its own unsubscribe links and buttons again. relay makes it, in its store.

    Keys are shown by names from which nothing follows. `seal` is about another key, redis.encryption_key, and what was
    written before there was one.
    """


@keys.command("list", cls=ClientCommand, short_help="List the present key and those that still open.")
def list_() -> None:
    """List the present key, and the earlier ones whose links and buttons still work."""
    facts = get("/keys")
    if not printed(facts):
        show(rows_table([{"key": facts["present"], "replaced": None, "until": None}, *facts["retired"]], COLUMNS))


@keys.command(cls=ClientCommand, short_help="Make a new key.")
@click.option("--keep", default=KEEP, show_default=True, metavar="TIME",
              help="How long what the present key sealed works on; 0: no longer, nor that of others.")  # fmt: skip
@click.option("--force", is_flag=True, help="Also where the oldest of too many keys has to go before its time.")
def rotate(keep: str, *, force: bool) -> None:
    """Make a new key for all links and buttons from now on. No relay needs a restart: within 5 seconds all have it.

    Links in mails that were sent go on working for as long as --keep says. Where somebody else may have the key, say
    --keep 0: then no earlier key opens anything any more.
    """
    perform("/keys/rotate", keep=keep, force=force)


@keys.command(short_help="Seal what was written before there was a redis.encryption_key.")
@config_option
@json_option
def seal(config: Path, *, as_json: bool) -> None:
    """Seal what is clear in Redis: run it once, when redis.encryption_key is new, before relay starts with the key.

    It reads the configuration, and needs no running relay. With the key relay refuses clear values. This calls them
    genuine, whoever wrote them: later, look first who wrote what relay refuses. It may be run again, with relay stopped
    or running. At the console people log in again.
    """
    from relay.cli.sealing import sealed  # noqa: PLC0415 - it brings the store

    counts, outcome = sealed(config)
    if as_json:
        print_json({"sealed": counts})
    else:
        click.echo(outcome)
