"""relay ops: start, look at and steer the operations of the platform, from a terminal."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click
from pydantic import ValidationError

from relay.channels import CHANNELS
from relay.cli.client import Group
from relay.cli.operations import print_batch, print_operation, print_page
from relay.cli.options import CONFIG, ConfigFile, json_option, print_json, read_event, refuse, visible
from relay.config import load
from relay.errors import ConfigError, PlatformError, RelayError
from relay.platform import OperationsClient
from relay.platform.models import ApiDocument, Batch, Operation, RetryOperation, StartOperation, SubmitBatch

VARIABLES = {"base_url": "PLATFORM_URL", "tenant": "PLATFORM_TENANT", "project": "PLATFORM_PROJECT",
             "token": "PLATFORM_TOKEN"}  # fmt: skip
NEEDED = ("base_url", "tenant", "project")

Kind = TypeVar("Kind", bound=ApiDocument)


@dataclass(frozen=True)
class Call:
    """The platform's client, and how answers are printed."""

    client: OperationsClient
    config: Path
    as_json: bool

    def show(self, answer: ApiDocument, text: str) -> None:
        """Print the answer, or this text."""
        print_json(answer.sent()) if self.as_json else click.echo(visible(text))


@click.group(cls=Group)
def ops() -> None:
    """Call the Async Operations API of a platform, for instance `relay sandbox`. Without a command, list its newest
    operations.

    The platform is that of PLATFORM_URL, PLATFORM_TENANT, PLATFORM_PROJECT and PLATFORM_TOKEN, else of `platform` in
    the configuration; its other sections need no secrets.
    """


def _command(work: Callable[..., Awaitable[None]]) -> click.Command:
    """Make a command of a function that gets a Call. PlatformError and ConfigError end it with 1."""

    @click.option("-c", "--config", envvar="RELAY_CONFIG", default=CONFIG, show_default=True, metavar="FILE",
                  type=click.Path(path_type=Path), show_envvar=True, help="The configuration.")  # fmt: skip
    @json_option
    @wraps(work)
    def run(config: Path, *, as_json: bool, **options: Any) -> None:
        async def call() -> None:
            connection = _connection(config)
            base_url, tenant, project, token = (connection[key] for key in VARIABLES)
            async with OperationsClient(base_url, tenant=tenant, project=project, token=token) as client:
                await work(Call(client, config, as_json), **options)

        try:
            asyncio.run(call())
        except (PlatformError, ConfigError) as error:
            refuse(error)

    return ops.command(work.__name__.rstrip("_"))(run)


@_command
@click.option("--status", metavar="STATUS", default="", help="Only operations in this status, for instance Running.")
async def list_(call: Call, status: str) -> None:
    """List the newest operations."""
    page = await call.client.operations(status=status)
    print_json(page.sent()) if call.as_json else print_page(page)


@_command
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, allow_dash=True),
                metavar="[FILE.json]")  # fmt: skip
@click.option(
    "--type", "operation_type", metavar="TYPE", help="The operation's type, for instance ProcessMiningAnalysis."
)
@click.option("--name", metavar="NAME", help="The operation's name.")
async def start(call: Call, file: str | None, operation_type: str | None, name: str | None) -> None:
    """Start the operation, or submit the batch, in FILE.json; --type and --name override the file."""
    document = _object(read_event(file), file) if file else {}
    document |= {key: value for key, value in (("operationType", operation_type), ("operationName", name)) if value}
    if "operations" in document:
        submitted = await call.client.submit_batch(_request(SubmitBatch, document))
        print_json(submitted.sent()) if call.as_json else print_batch(submitted)
        return
    for key, option in (("operationType", "--type"), ("operationName", "--name")):
        if not document.get(key):
            raise click.UsageError(f"There is no {key}: say {option}, or put it in FILE.json.")
    started = await call.client.start(_request(StartOperation, document))
    call.show(started, f"{started.operation_id}  {started.status}")


@_command
@click.argument("id_", metavar="ID")
async def get(call: Call, id_: str) -> None:
    """Show an operation, with its results once it has completed, or a batch."""
    subject = await _subject(call.client, id_)
    if isinstance(subject, Batch):
        print_json(subject.sent()) if call.as_json else print_batch(subject)
        return
    results = await call.client.results(id_) if subject.status == "Completed" else None
    if call.as_json:
        print_json({**subject.sent(), **({"results": results.sent()} if results else {})})
    else:
        print_operation(subject, results, _zone(call.config))


@_command
@click.argument("operation", metavar="ID")
@click.option("--reason", metavar="TEXT", default="", help="The reason, shown in notifications.")
@click.option("--force", is_flag=True, help="Stop at once, without finishing the current step.")
async def cancel(call: Call, operation: str, reason: str, *, force: bool) -> None:
    """Cancel a running operation; its partial results are kept."""
    answer = await call.client.cancel(operation, reason=reason, force_termination=force)
    call.show(answer, f"{answer.operation_id}  {answer.status}")


@_command
@click.argument("operation", metavar="ID")
@click.option("--restart", is_flag=True, help="Start from the beginning instead of the failed phase.")
@click.option("--reason", metavar="TEXT", help="The reason, shown in notifications.")
async def retry(call: Call, operation: str, reason: str | None, *, restart: bool) -> None:
    """Retry a failed operation; the new run has its own id."""
    request = RetryOperation(retry_mode="restart" if restart else "resume", retry_reason=reason)
    answer = await call.client.retry(operation, request)
    begins = f"  from {answer.resume_from_phase}" if answer.resume_from_phase else ""
    call.show(answer, f"{answer.new_operation_id}  {answer.status}{begins}")


async def _subject(client: OperationsClient, id_: str) -> Operation | Batch:
    try:
        return await client.status(id_)
    except PlatformError as error:
        if error.status != 404:
            raise
        try:
            return await client.batch(id_)
        except PlatformError:
            raise error from None


def _connection(config: Path) -> dict[str, str]:
    """Return which project of which platform is meant, and the token for it. ConfigError as of `load`."""
    connection = {key: os.environ.get(variable, "") for key, variable in VARIABLES.items()}
    if all(connection[key] for key in NEEDED):
        return connection
    try:
        ConfigFile().convert(config, None, None)
    except click.BadParameter as error:  # as of commands that always need it
        error.param_hint = "'-c' / '--config'"
        raise
    platform = load(config, env=os.environ, channels=CHANNELS, needed=("platform",)).platform
    stated = {**{key: getattr(platform, key) for key in NEEDED}, "token": platform.token.get_secret_value()}
    connection = {key: value or stated[key] for key, value in connection.items()}
    for key in NEEDED:
        if not connection[key]:
            raise click.UsageError(f"{config} has no platform.{key}: set it there, or in {VARIABLES[key]}")
    return connection


def _zone(config: Path) -> str:
    """Return the configuration's time zone; '' where there is none, since the platform may be named without one."""
    try:
        return load(config, env=os.environ, channels=CHANNELS, needed=("timezone",)).timezone
    except ConfigError:
        return ""


def _object(text: bytes, where: str) -> dict[str, Any]:
    """BadParameter for anything that is no JSON object."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise click.BadParameter(f"not JSON: {error}", param_hint=where) from None
    if not isinstance(value, dict):
        raise click.BadParameter("expected a JSON object", param_hint=where)
    return value


def _request(kind: type[Kind], document: dict[str, Any]) -> Kind:
    """Leave with 1 and what is wrong with the document."""
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]
        refuse(RelayError("\n".join(faults)))
