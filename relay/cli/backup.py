"""relay backup: a copy of what the private Redis has, taken while relay runs."""

import contextlib
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import click

from relay import __version__
from relay.cli.client import data_dir
from relay.cli.formatting import iso
from relay.cli.options import refuse
from relay.errors import RelayError
from relay.store.embedded.backup import back_up, sync


@click.command(short_help="Back up the private Redis, while relay runs.")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option("-c", "--config", "config", envvar="RELAY_CONFIG", show_envvar=True, metavar="FILE",
              type=click.Path(path_type=Path), help="The configuration; its data_dir is backed up.")  # fmt: skip
def backup(file: Path, config: Path | None) -> None:
    """Write a backup of the private Redis to FILE (- for standard output); `relay restore` restores it.

    It is a snapshot of one moment, with everything acknowledged before it. relay may be running or stopped. FILE is
    readable by its owner alone (0600) and must not exist yet. Back up a Redis of your own (redis.url) with its own
    tools.
    """
    try:
        copied_from = data_dir(config, os.environ)
        with _file(file) as to:
            copied = back_up(copied_from, to, {"taken": iso(datetime.now(UTC)), "relay": __version__})
        click.echo(f"{file}: {copied.size:,} bytes of {copied_from}, in {copied.files} files", err=True)
    except RelayError as error:
        refuse(error)
    except OSError as error:
        refuse(RelayError(f"{error.filename or file}: {error.strerror or error}"))


@contextlib.contextmanager
def _file(path: Path) -> Iterator[IO[bytes]]:
    """The file under its name once it is whole and on disk; nothing under it if that fails."""
    if str(path) == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    if path.exists():
        raise RelayError(f"{path} is there already: name another file")
    unfinished = path.with_name(f"{path.name}.unfinished")
    try:
        number = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise RelayError(
            f"{unfinished} is there already: another `relay backup` writes it, or one was ended before it was whole; "
            "then remove it"
        ) from None
    with os.fdopen(number, "wb") as to:
        try:
            yield to
            to.flush()
            os.fsync(to.fileno())
            unfinished.rename(path)
            sync(path.parent)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
