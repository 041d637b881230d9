"""Work on the store without a running relay: backup, restore, and lists for when relay cannot start."""

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any, cast

import click
from pydantic import TypeAdapter

from relay import __version__
from relay.channels import CHANNELS
from relay.cli.connection import data_dir
from relay.cli.logs import configure
from relay.cli.options import actor, config_option, json_option, print_json, visible
from relay.config import Config, load
from relay.config.redis import RedisUrl
from relay.console.context import Context
from relay.console.views.dead import DeadQuestion, dead
from relay.console.views.quarantine import QuarantineQuestion, quarantine
from relay.errors import EmbeddedRedisError, RelayError
from relay.operating.acts import names_of
from relay.operating.clocks import iso, local
from relay.store import Store
from relay.store.audit import Act, AuditTrail
from relay.store.client import connect
from relay.store.embedded.backup import FOLDER, back_up, put_back, sync
from relay.store.embedded.server import EmbeddedRedis, find_server, running_url
from relay.store.layout import check as check_layout
from relay.store.queries.admin import Admin, Ledger


def _store(url: str) -> contextlib.aclosing[Store]:
    return contextlib.aclosing(Store.open(url, process=f"command-{os.getpid()}", may_own=False))


@click.command()
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option("-c", "--config", "config", envvar="RELAY_CONFIG", show_envvar=True, metavar="FILE",
              type=click.Path(path_type=Path), help="The configuration; its data_dir is backed up.")  # fmt: skip
def backup(file: Path, config: Path | None) -> None:
    """Write a backup of the private Redis to FILE (- for standard output); `relay restore` restores it.

    It is a snapshot of one moment, with everything acknowledged before it. relay may be running or stopped. FILE is
    readable by its owner alone (0600) and must not exist yet. Back up a Redis of your own (redis.url) with its own
    tools.
    """
    copied_from = data_dir(config, os.environ)
    with _file(file) as to:
        copied = back_up(copied_from, to, {"taken": iso(datetime.now(UTC)), "relay": __version__})
    click.echo(f"{file}: {copied.size:,} bytes of {copied_from}, in {copied.files} files", err=True)


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


ELSEWHERE = (
    "redis.url names a Redis of yours, which relay neither copies nor replaces: back it up as you back up any Redis "
    "(docs/backup.md)"
)


@click.command()
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True, exists=True, dir_okay=False))
@config_option
@json_option
def restore(file: Path, config: Path, *, as_json: bool) -> None:
    """Restore a backup of `relay backup` from FILE (- for standard input) into data_dir, or RELAY_DATA_DIR.

    The directory must be empty. The private Redis is started once to check that it can read the data. The next `relay
    serve` continues from the moment of the backup: messages sent since then are sent again.
    """
    loaded = load(config, env=os.environ, channels=CHANNELS, needed=("data_dir", "redis", "timezone"))
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
        ledger = asyncio.run(_count(loaded, server))
    except RelayError as error:  # a relay that serves there meanwhile may have written: nothing is removed
        raise EmbeddedRedisError(
            f"what {file} has lies in {loaded.data_dir / FOLDER}, whole, but was not read there: {error}. Once "
            "that is mended, start relay on it; or move it away and restore again"
        ) from None
    counts = {name: ledger.counts.get(name, 0) for name in ("accepted", "pending", "dead")}
    taken, version = str(about.get("taken", "")), str(about.get("relay", ""))
    if as_json:
        print_json({"data_dir": str(loaded.data_dir), "taken": taken, "relay": version, **counts,
                    "imbalance": ledger.imbalance})  # fmt: skip
    else:
        with contextlib.suppress(ValueError):
            taken = local(datetime.fromisoformat(taken), loaded.timezone)
        click.echo(visible(
            f"{loaded.data_dir} is as it was at {taken}, under relay {version}:\n{counts['accepted']:,} deliveries "
            f"accepted, {counts['pending']:,} still to be sent, {counts['dead']:,} dead letters."
        ))  # fmt: skip
    if ledger.imbalance:
        raise RelayError(f"{ledger.imbalance} of them are counted nowhere, or twice: please report it")


async def _count(config: Config, server: Path) -> Ledger:
    """Start the server on what was restored, and count. EmbeddedRedisError if it cannot read it, StoreUnavailable."""
    async with EmbeddedRedis(config.data_dir, server) as redis, _store(redis.url) as store:
        return await Admin(store).ledger()


LISTS: Mapping[str, Any] = {"/dead": (DeadQuestion, dead), "/quarantine": (QuarantineQuestion, quarantine)}
# What the lists ask of a configuration; times are by UTC, since none was read.
CONFIG = SimpleNamespace(destinations={}, sources={}, timezone="UTC")


def listed(url: str, path: str, question: Mapping[str, Any]) -> Any:
    """Return what /api/v1 answers there. BadParameter if that is no address, RelayError where Redis does not answer."""
    configure(machine=False, level="error")
    _check(url)
    return asyncio.run(_listed(url, path, question))


def _check(url: str) -> None:
    try:
        TypeAdapter(RedisUrl).validate_python(url)
        connect(url)
    except ValueError:  # which may quote it, and it may hold a password
        text = "expected an address as in redis.url, such as redis://127.0.0.1:6379/0"
        raise click.BadParameter(text, param_hint="--redis") from None


async def _listed(url: str, path: str, question: Mapping[str, Any]) -> Any:
    asked, ask = LISTS[path]
    async with _store(url) as store:
        await check_layout(store.plain)
        context = SimpleNamespace(store=store, admin=Admin(store), config=lambda: CONFIG, clock=time.time)
        question = {name: text for name, text in question.items() if text}
        facts = await ask(cast("Context", context), asked.model_validate(question))
    return facts.model_dump(mode="json")


def set_aside(ids: Sequence[str], url: str | None, config: Path | None) -> list[str]:
    """Set these entries of the inbox aside, on this Redis or the configured one; return those that were there."""
    configure(machine=False, level="error")
    if url is not None:
        _check(url)
    return asyncio.run(_set_aside(ids, url, config))


async def _set_aside(ids: Sequence[str], url: str | None, config: Path | None) -> list[str]:
    async with contextlib.AsyncExitStack() as stack:
        if url is None:
            loaded = load(cast("Path", config), env=os.environ, channels=CHANNELS, needed=("data_dir", "redis"))
            url = await _url_of(loaded, stack)
        store = await stack.enter_async_context(_store(url))
        await check_layout(store.plain)
        who, more = actor(os.environ)
        async with AuditTrail(store.plain).act(Act(who, "dead set-aside", names_of(ids), more)) as act:
            done = [name for name in ids if await store.bodies.entries.set_aside(name)]
            act.outcome = f"{len(done)} of {len(ids)}"
    return done


async def _url_of(config: Config, stack: contextlib.AsyncExitStack) -> str:
    """Return the URL of its Redis; a private one is started where it does not run."""
    if url := config.redis.url or await running_url(config.data_dir):
        return url
    server = find_server(os.environ.get("RELAY_REDIS_SERVER", ""))
    return (await stack.enter_async_context(EmbeddedRedis(config.data_dir, server))).url
