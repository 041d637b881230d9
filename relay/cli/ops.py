"""relay ops: start, look at and steer the operations of the platform, from a terminal."""

import json
from pathlib import Path
from typing import Any

import click

from relay.cli.groups import Group
from relay.cli.operations import bar, batch_table, details, operations_table, results_text
from relay.cli.options import CONFIG, json_option, read_event
from relay.cli.platform_calls import Connection, json_object, print_answer, request_of, with_client
from relay.platform import OperationsClient
from relay.platform.models import RetryOperation, StartOperation, SubmitBatch


@click.group(cls=Group, short_help="Start, watch, list, cancel and retry operations of the platform.")
@click.option("-c", "--config", envvar="RELAY_CONFIG", default=CONFIG, show_default=True,
              type=click.Path(path_type=Path), metavar="FILE", show_envvar=True, help="The configuration.")  # fmt: skip
@click.option("--base-url", envvar="PLATFORM_URL", show_envvar=True, metavar="URL", default="",
              help="Where the platform is, for instance http://localhost:8090.")  # fmt: skip
@click.option("--tenant", envvar="PLATFORM_TENANT", show_envvar=True, metavar="ID", default="", help="Of this tenant.")
@click.option("--project", envvar="PLATFORM_PROJECT", show_envvar=True, metavar="ID", default="",
              help="In this project.")  # fmt: skip
@click.option("--token", envvar="PLATFORM_TOKEN", show_envvar=True, metavar="T", default="",
              help="The bearer token; the variable keeps it out of the shell's history.")  # fmt: skip
@click.pass_context
def ops(context: click.Context, /, *, config: Path, base_url: str, tenant: str, project: str, token: str) -> None:
    """Call the Async Operations API: any platform that speaks it, `relay sandbox` among them.

    What is not named here is taken from the configuration's `platform`.
    """
    if base_url and not base_url.startswith(("http://", "https://")):
        raise click.BadParameter("expected an address that begins with http:// or https://", param_hint="--base-url")
    context.obj = Connection(config, base_url, tenant, project, token)


id_argument = click.argument("operation", metavar="ID")


@ops.command()
@click.option("--file", "file", type=click.Path(exists=True, dir_okay=False, allow_dash=True), metavar="FILE.json",
              help="The whole request; what is named beside it goes first.")  # fmt: skip
@click.option("--type", "operation_type", metavar="TYPE", help="For instance ProcessMiningAnalysis.")
@click.option("--name", metavar="NAME", help="What people call it.")
@click.option("--priority", type=click.Choice(["Low", "Normal", "High", "Critical"]), help="How urgent it is.")
@click.option("--parameters", metavar="JSON", help="The operation's parameters, a JSON object.")
@click.option("--timeout", type=click.IntRange(1), metavar="SECONDS", help="How long it may take.")
@json_option
@click.pass_obj
def start(connection: Connection, /, *, file: str | None, parameters: str | None, as_json: bool, **named: Any) -> None:
    """Start an operation."""
    document = json_object(read_event(file), "--file") if file else {}
    fields = {"operation_type": "operationType", "name": "operationName"}
    document |= {fields.get(key, key): value for key, value in named.items() if value is not None}
    if parameters is not None:
        document["parameters"] = json_object(parameters.encode(), "--parameters")
    for key, option in (("operationType", "--type"), ("operationName", "--name")):
        if not document.get(key):
            raise click.UsageError(f"There is no {key}: say {option}, or put it in the --file.")
    request = request_of(StartOperation, document)

    async def work(client: OperationsClient) -> None:
        started = await client.start(request)
        print_answer(started, f"{started.operation_id}  {started.status}", as_json=as_json)

    with_client(connection, work)


@ops.command()
@id_argument
@json_option
@click.pass_obj
def status(connection: Connection, /, operation: str, *, as_json: bool) -> None:
    """Say how an operation stands."""

    async def work(client: OperationsClient) -> None:
        state = await client.status(operation)
        print_answer(state, details(state, connection.zone()), as_json=as_json)

    with_client(connection, work)


@ops.command("list")
@click.option("--status", "status", metavar="STATUS", default="", help="For instance Running.")
@click.option("--type", "operation_type", metavar="TYPE", default="", help="For instance ProcessMiningAnalysis.")
@click.option("--priority", metavar="PRIORITY", default="", help="For instance High.")
@click.option("-n", "page_size", default=20, show_default=True, type=click.IntRange(1, 100), help="So many of a page.")
@click.option("--page", default=1, show_default=True, type=click.IntRange(1), help="Which page.")
@json_option
@click.pass_obj
def list_(connection: Connection, /, *, as_json: bool, **filters: Any) -> None:
    """List operations, newest first."""

    async def work(client: OperationsClient) -> None:
        page = await client.operations(**filters)
        print_answer(page, operations_table, as_json=as_json)

    with_client(connection, work)


@ops.command()
@id_argument
@click.option("--reason", metavar="TEXT", default="", help="Why, for those who read of it.")
@click.option("--force", "force_termination", is_flag=True, help="Stop it without letting it finish its step.")
@click.option("--discard", is_flag=True, help="Keep no partial results.")
@json_option
@click.pass_obj
def cancel(
    connection: Connection, /, operation: str, *, reason: str, force_termination: bool, discard: bool, as_json: bool
) -> None:
    """Cancel an operation that has not ended."""

    async def work(client: OperationsClient) -> None:
        answer = await client.cancel(
            operation, reason=reason, force_termination=force_termination, preserve_partial_results=not discard
        )
        print_answer(answer, f"{answer.operation_id}  {answer.status}", as_json=as_json)

    with_client(connection, work)


@ops.command()
@id_argument
@click.option("--detail", type=click.Choice(["summary", "detailed"]), default="summary", show_default=True,
              help="How much of it.")  # fmt: skip
@click.option("--phase", metavar="NAME", default="", help="Of this phase alone.")
@json_option
@click.pass_obj
def results(connection: Connection, /, operation: str, *, detail: str, phase: str, as_json: bool) -> None:
    """Show what a finished operation found."""

    async def work(client: OperationsClient) -> None:
        answer = await client.results(operation, detail=detail, phase=phase)
        print_answer(answer, results_text(answer), as_json=as_json)

    with_client(connection, work)


@ops.command()
@id_argument
@click.option("--restart", is_flag=True, help="From the beginning, and not from the phase that failed.")
@click.option("--reason", metavar="TEXT", help="Why, for those who read of it.")
@click.option("--timeout", "new_timeout", type=click.IntRange(1), metavar="SECONDS", help="How long it may take now.")
@json_option
@click.pass_obj
def retry(
    connection: Connection, /, operation: str, *, restart: bool, reason: str | None, new_timeout: int | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Run a failed operation again; it gets an id of its own."""
    document = {"retryMode": "restart" if restart else "resume", "retryReason": reason, "newTimeout": new_timeout}
    request = request_of(RetryOperation, {key: value for key, value in document.items() if value is not None})

    async def work(client: OperationsClient) -> None:
        answer = await client.retry(operation, request)
        begins = f"  from {answer.resume_from_phase}" if answer.resume_from_phase else ""
        print_answer(answer, f"{answer.new_operation_id}  {answer.status}{begins}", as_json=as_json)

    with_client(connection, work)


@ops.command()
@click.argument("batch", metavar="FILE.json|ID")
@json_option
@click.pass_obj
def batch(connection: Connection, /, batch: str, *, as_json: bool) -> None:
    """Submit the batch in FILE.json, or say how the batch ID stands."""
    is_file = batch == "-" or batch.endswith(".json")
    try:
        request = request_of(SubmitBatch, json_object(read_event(batch), batch)) if is_file else None
    except OSError as error:
        raise click.BadParameter(f"cannot read {batch}: {error.strerror}") from None

    async def work(client: OperationsClient) -> None:
        submitted = await (client.submit_batch(request) if request else client.batch(batch))
        print_answer(submitted, batch_table, as_json=as_json)

    with_client(connection, work)


@ops.command()
@id_argument
@click.option("--every", default=2.0, show_default=True, type=click.FloatRange(0.1, 3600), metavar="SECONDS",
              help="How often to look.")  # fmt: skip
@json_option
@click.pass_obj
def watch(connection: Connection, /, operation: str, *, every: float, as_json: bool) -> None:
    """Follow an operation until it ends. Leaves with 0 if it completed, else with 1.

    With --json, one line for each state that is new.
    """

    async def work(client: OperationsClient) -> None:
        last, printed = None, ""
        with bar(quiet=as_json) as show:
            async for state in client.watch(operation, every):
                last = state
                line = json.dumps(state.sent())
                if as_json and line != printed:
                    click.echo(line)
                printed = line
                show(state)
        if last is None or last.status != "Completed":
            raise SystemExit(1)

    with_client(connection, work)
