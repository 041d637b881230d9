"""Operations of the platform as people read them in a terminal."""

from collections.abc import Mapping
from datetime import datetime

import click
from rich.text import Text

from relay.cli.options import visible
from relay.cli.screen import Cell, rows_table, show
from relay.operating.clocks import local
from relay.platform.models import Batch, Operation, Page, Results

COLOURS = {"Completed": "green", "Failed": "red", "Timeout": "yellow", "Cancelled": "dim", "Running": "blue"}


def print_operation(operation: Operation, results: Results | None, zone: str = "") -> None:
    """Print a fact on each line, then what was found; times in this zone, or that of this machine."""
    progress, over = operation.progress, operation.terminal
    facts = {
        "Name": operation.operation_name,
        "Type": operation.operation_type,
        "Status": operation.status,
        "Priority": operation.priority,
        "Progress": _percentage(operation),
        "Phase": operation.phase,
        "Remaining": "" if over else progress.estimated_remaining,
        "Expected": "" if over else _at(progress.estimated_completion, zone),
        "Latest end": "" if over else _at(operation.timeout_at, zone),
        "Ended": _at(operation.end_time, zone),
        "Duration": operation.duration,
        "Error": _error(operation),
    }
    lines = [operation.operation_id, *(f"  {name:<11}{value}" for name, value in facts.items() if value)]
    lines += [f"  {phase.status or '':<11}{phase.phase_name}" for phase in operation.phases]
    lines += _results(results) if results else []
    click.echo(visible("\n".join(lines)))


def print_page(page: Page) -> None:
    """Print the operations, and what the platform counts. An id is below its name: whole, on 80 columns too."""
    show(
        rows_table(page.operations, PAGE, whole=("status", "done", "priority"))
        if page.operations
        else "There are none."
    )
    counted = page.summary
    numbers = {name: getattr(counted, name) for name in ("running", "completed", "failed", "cancelled")}
    counts = ", ".join(f"{count} {name}" for name, count in numbers.items() if count)
    more = f"; the newest {len(page.operations)} are shown" if page.has_next_page else ""
    click.echo(f"\n{counted.total_operations} in all{': ' if counts else ''}{counts}{more}")


def print_batch(batch: Batch) -> None:
    """Print a batch with its members and what each waits for."""
    click.echo(visible(f"{batch.batch_id}  {batch.status}  {batch.batch_name or ''}"))
    show(rows_table(batch.operations, MEMBERS, whole=("status", "operation")))


def _results(results: Results) -> list[str]:
    """Return lines with the figures, the files and the advice."""
    lines = [f"  {key}: {value}" for key, value in results.summary.items() if isinstance(value, str | int | float)]
    for artifact in results.artifacts:
        about = ", ".join(str(part) for part in (artifact.format, artifact.size) if part)
        lines.append(f"- {artifact.name}{f' ({about})' if about else ''}: {artifact.download_url or ''}")
    return [*lines, *(f"* {advice.recommendation}" for advice in results.recommendations)]


def _percentage(operation: Operation) -> str:
    percentage = operation.progress.percentage
    return "" if percentage is None else f"{percentage:g}%"


def _at(moment: datetime | None, zone: str) -> str:
    return local(moment, zone) if moment else ""


def _error(operation: Operation) -> str:
    """The error's code and message; an API may also say it in one text."""
    error = operation.error
    if isinstance(error, Mapping):
        return ": ".join(str(error[key]) for key in ("code", "message") if error.get(key))
    return str(error or "")


def _status(status: str) -> Text:
    return Text(visible(status), style=COLOURS.get(status, ""))


def _named(row: Operation) -> str:
    kind = f" ({row.operation_type})" if row.operation_type else ""
    return f"{row.operation_name or ''}{kind}\n{row.operation_id}"


PAGE: Mapping[str, Cell] = {
    "status": lambda row: _status(row.status),
    "done": _percentage,
    "priority": lambda row: row.priority or "",
    "operation": _named,
}
MEMBERS: Mapping[str, Cell] = {
    "key": lambda row: row.operation_key,
    "status": lambda row: _status(row.status or ""),
    "operation": lambda row: row.operation_id or "",
    "after": lambda row: ", ".join(row.dependencies),
}
