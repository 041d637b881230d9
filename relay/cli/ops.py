"""relay ops: start, look at and steer the operations of the platform, from a terminal."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError
from rich.text import Text

from relay.channels import CHANNELS
from relay.cli.client import Group
from relay.cli.options import CONFIG, ConfigFile, json_option, print_json, read_event, visible
from relay.cli.screen import Cell, details, rows_table, show
from relay.config import load
from relay.errors import PlatformError, RelayError
from relay.platform import OperationsClient, models
from relay.platform.models import Batch, Operation

VARIABLES = {"base_url": "PLATFORM_URL", "tenant": "PLATFORM_TENANT", "project": "PLATFORM_PROJECT",
             "token": "PLATFORM_TOKEN"}  # fmt: skip
NEEDED = ("base_url", "tenant", "project")
COLOURS = {"Completed": "green", "Failed": "red", "Timeout": "yellow", "Cancelled": "dim", "Running": "blue"}

Answer = tuple[Mapping[str, Any], Callable[[], None]]  # as JSON, and how it is printed for people


@click.group(cls=Group)
def ops() -> None:
    """Call the Async Operations API of a platform, for instance `relay sandbox`. Without a command, list its newest
    operations.

    The platform is that of PLATFORM_URL, PLATFORM_TENANT, PLATFORM_PROJECT and PLATFORM_TOKEN, else of `platform` in
    the configuration; its other sections need no secrets.
    """


def _command(work: Callable[..., Awaitable[Answer]]) -> click.Command:
    """Make a command of a function that asks the platform."""

    @click.option("-c", "--config", envvar="RELAY_CONFIG", default=CONFIG, show_default=True, metavar="FILE",
                  type=click.Path(path_type=Path), show_envvar=True, help="The configuration.")  # fmt: skip
    @json_option
    @wraps(work)
    def run(config: Path, *, as_json: bool, **options: Any) -> None:
        async def call() -> Answer:
            base_url, tenant, project, token = _connection(config)
            async with OperationsClient(base_url, tenant=tenant, project=project, token=token) as client:
                return await work(client, **options)

        answer, printed = asyncio.run(call())
        print_json(answer) if as_json else printed()

    return ops.command(work.__name__.rstrip("_"))(run)


@_command
@click.option("--status", metavar="STATUS", default="", help="Only operations in this status, for instance Running.")
async def list_(client: OperationsClient, status: str) -> Answer:
    """List the newest operations."""
    page = await client.operations(status=status)
    return page.sent(), lambda: _print_page(page)


@_command
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, allow_dash=True),
                metavar="[FILE.json]")  # fmt: skip
@click.option(
    "--type", "operation_type", metavar="TYPE", help="The operation's type, for instance ProcessMiningAnalysis."
)
@click.option("--name", metavar="NAME", help="The operation's name.")
async def start(client: OperationsClient, file: str | None, operation_type: str | None, name: str | None) -> Answer:
    """Start the operation, or submit the batch, in FILE.json; --type and --name override the file."""
    document = _object(read_event(file), file) if file else {}
    document |= {key: value for key, value in (("operationType", operation_type), ("operationName", name)) if value}
    if "operations" in document:
        submitted = await client.submit_batch(_request(models.SubmitBatch, document))
        return submitted.sent(), lambda: show(details(submitted.sent()))
    for key, option in (("operationType", "--type"), ("operationName", "--name")):
        if not document.get(key):
            raise click.UsageError(f"There is no {key}: say {option}, or put it in FILE.json.")
    started = await client.start(_request(models.StartOperation, document))
    return started.sent(), lambda: _echo(f"{started.operation_id}  {started.status}")


@_command
@click.argument("id_", metavar="ID")
async def get(client: OperationsClient, id_: str) -> Answer:
    """Show an operation, with its results once it has completed, or a batch."""
    subject = await _subject(client, id_)
    ended = isinstance(subject, Operation) and subject.status == "Completed"
    results = await client.results(id_) if ended else None
    facts = {**subject.sent(), **({"results": results.sent()} if results else {})}
    return facts, lambda: show(details(facts))


@_command
@click.argument("operation", metavar="ID")
@click.option("--reason", metavar="TEXT", default="", help="The reason, shown in notifications.")
@click.option("--force", is_flag=True, help="Stop at once, without finishing the current step.")
async def cancel(client: OperationsClient, operation: str, reason: str, *, force: bool) -> Answer:
    """Cancel a running operation; its partial results are kept."""
    answer = await client.cancel(operation, reason=reason, force_termination=force)
    return answer.sent(), lambda: _echo(f"{answer.operation_id}  {answer.status}")


@_command
@click.argument("operation", metavar="ID")
@click.option("--restart", is_flag=True, help="Start from the beginning instead of the failed phase.")
@click.option("--reason", metavar="TEXT", help="The reason, shown in notifications.")
async def retry(client: OperationsClient, operation: str, reason: str | None, *, restart: bool) -> Answer:
    """Retry a failed operation; the new run has its own id."""
    request = models.RetryOperation(retry_mode="restart" if restart else "resume", retry_reason=reason)
    answer = await client.retry(operation, request)
    begins = f"  from {answer.resume_from_phase}" if answer.resume_from_phase else ""
    return answer.sent(), lambda: _echo(f"{answer.new_operation_id}  {answer.status}{begins}")


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


def _connection(config: Path) -> list[str]:
    """Return the platform's address, tenant, project and token. ConfigError as of `load`."""
    connection = {key: os.environ.get(variable, "") for key, variable in VARIABLES.items()}
    if not all(connection[key] for key in NEEDED):
        ConfigFile().convert(config, None, None)
        platform = load(config, env=os.environ, channels=CHANNELS, needed=("platform",)).platform
        stated = {**{key: getattr(platform, key) for key in NEEDED}, "token": platform.token.get_secret_value()}
        connection = {key: value or stated[key] for key, value in connection.items()}
    for key in NEEDED:
        if not connection[key]:
            raise click.UsageError(f"{config} has no platform.{key}: set it there, or in {VARIABLES[key]}")
    return [*connection.values()]


def _object(text: bytes, where: str) -> dict[str, Any]:
    """BadParameter for anything that is no JSON object."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise click.BadParameter(f"not JSON: {error}", param_hint=where) from None
    if not isinstance(value, dict):
        raise click.BadParameter("expected a JSON object", param_hint=where)
    return value


def _request(kind: Any, document: dict[str, Any]) -> Any:
    """RelayError with what is wrong with the document."""
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]
        raise RelayError("\n".join(faults)) from None


def _echo(text: str) -> None:
    click.echo(visible(text))


def _print_page(page: models.Page) -> None:
    """Print the operations, and what the platform counts. An id is below its name: whole, on 80 columns too."""
    whole = ("status", "done", "priority")
    show(rows_table(page.operations, PAGE, whole=whole) if page.operations else "There are none.")
    counted = page.summary
    numbers = {name: getattr(counted, name) for name in ("running", "completed", "failed", "cancelled")}
    counts = ", ".join(f"{count} {name}" for name, count in numbers.items() if count)
    more = f"; the newest {len(page.operations)} are shown" if page.has_next_page else ""
    click.echo(f"\n{counted.total_operations} in all{': ' if counts else ''}{counts}{more}")


PAGE: Mapping[str, Cell] = {
    "status": lambda row: Text(visible(row.status or ""), COLOURS.get(row.status or "", "")),
    "done": lambda row: "" if row.progress.percentage is None else f"{row.progress.percentage:g}%",
    "priority": lambda row: row.priority or "",
    "operation": lambda row: (
        f"{row.operation_name or ''}{f' ({row.operation_type})' if row.operation_type else ''}\n{row.operation_id}"
    ),
}
