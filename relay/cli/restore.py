"""relay restore: what `relay backup` wrote, put into an empty data directory and looked at."""

import asyncio
import contextlib
import os
import sys
from pathlib import Path
from typing import Any

import click

from relay.channels import CHANNELS
from relay.cli.formatting import print_json
from relay.cli.logs import configure
from relay.cli.options import config_option, json_option, refuse, visible
from relay.config import Config, load
from relay.errors import EmbeddedRedisError, RelayError
from relay.store import Store
from relay.store.admin import Admin
from relay.store.embedded.backup import FOLDER, put_back
from relay.store.embedded.server import EmbeddedRedis, find_server
from relay.store.ledger import Ledger

ELSEWHERE = (
    "redis.url names a Redis of yours, which relay neither copies nor replaces: back it up as you back up any Redis "
    "(docs/backup.md)"
)


@click.command(short_help="Restore a backup into an empty data directory.")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True, exists=True, dir_okay=False))
@config_option
@json_option
def restore(file: Path, config: Path, *, as_json: bool) -> None:
    """Restore a backup of `relay backup` from FILE (- for standard input) into data_dir, or RELAY_DATA_DIR.

    The directory must be empty. The private Redis is started once to check that it can read the data. The next `relay
    serve` continues from the moment of the backup: messages sent since then are sent again.
    """
    try:
        loaded = load(config, env=os.environ, channels=CHANNELS)
        if loaded.redis.url:
            raise EmbeddedRedisError(ELSEWHERE)
        server = find_server(os.environ.get("RELAY_REDIS_SERVER", ""))  # before anything lies there that needs one
        with contextlib.nullcontext(sys.stdin.buffer) if str(file) == "-" else file.open("rb") as archive:
            try:
                about = put_back(archive, loaded.data_dir)
            except EmbeddedRedisError as error:
                raise EmbeddedRedisError(f"{file} was not restored: {error}") from None
        configure(machine=False, level="error")  # that the last command of a copy is cut off is nothing to warn of
        try:
            ledger = asyncio.run(_look(loaded, server))
        except RelayError as error:  # whoever serves there meanwhile may have written: nothing is removed
            raise EmbeddedRedisError(
                f"what {file} has lies in {loaded.data_dir / FOLDER}, whole, but was not read there: {error}. Once "
                "that is mended, start relay on it; or move it away and restore again"
            ) from None
    except RelayError as error:
        refuse(error)
    except OSError as error:
        refuse(RelayError(f"{error.filename or file}: {error.strerror or error}"))
    _say(about, ledger, loaded.data_dir, as_json=as_json)


async def _look(config: Config, server: Path) -> Ledger:
    """Start the server on what was restored, and count. EmbeddedRedisError if it cannot read it, StoreUnavailable."""
    async with EmbeddedRedis(config.data_dir, server) as redis:
        store = Store.open(redis.url, worker=f"command-{os.getpid()}", partitions=config.redis.partitions)
        try:
            return await Admin(store).ledger()
        finally:
            await store.aclose()


def _say(about: dict[str, Any], ledger: Ledger, data_dir: Path, *, as_json: bool) -> None:
    counts = {name: ledger.counts.get(name, 0) for name in ("accepted", "pending", "dead")}
    facts = {"data_dir": str(data_dir), "taken": str(about.get("taken", "")), "relay": str(about.get("relay", "")),
             **counts, "imbalance": ledger.imbalance}  # fmt: skip
    if as_json:
        print_json(facts)
    else:
        click.echo(visible(f"{data_dir} is as it was at {facts['taken']}, under relay {facts['relay']}:"))
        click.echo(f"{counts['accepted']:,} deliveries accepted, {counts['pending']:,} still to be sent, "
                   f"{counts['dead']:,} dead letters.")  # fmt: skip
    if ledger.imbalance:
        refuse(RelayError(f"{ledger.imbalance} of them are counted nowhere, or twice: please report it"))
