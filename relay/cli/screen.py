"""Output of commands for people: whole lines where no terminal is, no colours where none are wanted."""

import re
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import click
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from relay.cli.client import older, printed, shown, zone
from relay.cli.options import plain
from relay.operating.clocks import local

Cell = str | Callable[[Any], str | Text]  # a field, or what makes the cell of a row

TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")
WIDEST = 10_000  # columns of what is no terminal: nothing is cut or wrapped there


def console(*, soft_wrap: bool = False) -> Console:
    """Standard output. Without colours there is no bold, dim or italic either: not one escape code."""
    stream = sys.stdout
    return Console(
        file=stream,
        highlight=False,
        soft_wrap=soft_wrap,
        color_system=None if plain(stream) else "auto",
        width=None if stream.isatty() else WIDEST,
    )


def rows_table(rows: Iterable[Any], columns: Mapping[str, Cell], whole: Collection[str] = ()) -> Table:
    """Return a table of these rows; long cells are folded, or cut in the columns kept `whole`."""
    made = Table(box=None, show_header=True, header_style="bold", padding=(0, 2, 0, 0), pad_edge=False)
    for heading in columns:
        cut = heading in whole
        made.add_column(heading, no_wrap=cut, overflow="ellipsis" if cut else "fold")
    for row in rows:
        cells = (row[cell] if isinstance(cell, str) else cell(row) for cell in columns.values())
        made.add_row(*(cell if isinstance(cell, Text) else Text(shown(str(cell))) for cell in cells))
    return made


def print_list(
    facts: Mapping[str, Any], columns: Mapping[str, Cell], nothing: str, *, whole: Collection[str] = ()
) -> None:
    """Print an answer as JSON where that is wanted, else its rows as a table, or `nothing` where there are none."""
    if printed(facts):
        return
    if facts["rows"]:
        show(rows_table(facts["rows"], columns, whole))
    else:
        click.echo(nothing)
    older(facts)


def details(facts: Mapping[str, Any]) -> Text:
    """Return a line for each of these facts that is stated; the facts of one are indented below it."""
    return Text(shown("\n".join(_lines(facts))), overflow="fold")


def _lines(facts: Mapping[str, Any]) -> Iterator[str]:
    stated = {name: value for name, value in facts.items() if value not in (None, "", [], {})}
    width = max([12, *(len(name) + 1 for name in stated)])
    for name, value in stated.items():
        inner = value if isinstance(value, list) else [value]
        if not isinstance(inner[0], Mapping):
            yield f"{name:<{width}}{', '.join(map(_spelled, inner))}"
            continue
        yield name
        for number, line in ((number, line) for one in inner for number, line in enumerate(_lines(one))):
            yield f"{'- ' if isinstance(value, list) and not number else '  '}{line}"


def when(at: str | datetime | None) -> str:
    """Return a time of the API by the clocks of relay's zone."""
    return local(datetime.fromisoformat(at) if isinstance(at, str) else at, zone()) if at else ""


def _spelled(value: Any) -> str:
    return when(value) if isinstance(value, str) and TIME.fullmatch(value) else str(value)


def show(page: RenderableType) -> None:
    """Print a table or a text. Columns are not padded at the end of a line where no terminal hides it."""
    screen = console()
    if screen.width < WIDEST:
        screen.print(page)
        return
    with screen.capture() as printed:
        screen.print(page)
    for line in printed.get().splitlines():
        click.echo(line.rstrip())
