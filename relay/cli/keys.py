"""relay keys: the key behind unsubscribe links and buttons, to look at and to rotate; and sealing older data."""

from pathlib import Path

import click

from relay.cli.client import ClientCommand, get, perform, printed
from relay.cli.formatting import print_json
from relay.cli.groups import Group
from relay.cli.options import a_duration, config_option, json_option
from relay.cli.screen import rows_table, show, when

KEEP = "366d"
COLUMNS = {
    "key": lambda row: row["key"],
    "replaced": lambda row: when(row["replaced"]),
    "works until": lambda row: when(row["until"]) or "it is replaced: relay keys rotate",
}


@click.group(cls=Group, short_help="List and rotate the signing keys of links and buttons; encrypt older data.")
def keys() -> None:
    """Keys that sign unsubscribe links and buttons. relay creates them in its store.

    Keys are shown by names that reveal nothing of them. `seal` is about another key, redis.encryption_key, and data
    written before it was set.
    """


@keys.command("list", cls=ClientCommand, short_help="List the current key and earlier ones that still work.")
def list_() -> None:
    """List the current key, and the earlier ones whose links and buttons still work."""
    facts = get("/keys")
    if not printed(facts):
        show(rows_table([{"key": facts["present"], "replaced": None, "until": None}, *facts["retired"]], COLUMNS))


@keys.command(cls=ClientCommand, short_help="Create a new key.")
@click.option("--keep", default=KEEP, show_default=True, metavar="DURATION", callback=a_duration,
              help="How long links and buttons of the current key still work; 0 ends all existing keys.")  # fmt: skip
@click.option("--force", is_flag=True, help="Discard the oldest key early, if there are too many.")
def rotate(keep: str, *, force: bool) -> None:
    """Create a new key for all links and buttons from now on. Within 5 seconds every relay uses it, without a restart.

    Links in mails already sent keep working for the time of --keep. If somebody else may have the key, use --keep 0: it
    ends all earlier keys.
    """
    perform("/keys/rotate", keep=keep, force=force)


@keys.command(short_help="Encrypt data written before redis.encryption_key was set.")
@config_option
@json_option
def seal(config: Path, *, as_json: bool) -> None:
    """Encrypt what is in clear in Redis: run it once, when redis.encryption_key is new, before relay starts with the
    key.

    It reads the configuration and needs no running relay. With the key, relay refuses values in clear. This command
    trusts all of them: if you run it later, first find out who wrote what relay refuses. It may be run again, with
    relay stopped or running. Users of the console have to log in again.
    """
    from relay.cli.sealing import sealed  # noqa: PLC0415 - it brings the store

    counts, outcome = sealed(config)
    if as_json:
        print_json({"sealed": counts})
    else:
        click.echo(outcome)
