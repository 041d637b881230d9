"""The figures as a table for people, and as one document for programs."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.console.asking import Times
from benchmarks.console.ingest import Turn
from benchmarks.console.ingest import lines as ingest_lines
from benchmarks.speed.report import table

PAGE, DOCUMENT = "console.md", "console.json"
PROMISE = 200.0  # milliseconds, which a hundredth of all requests may exceed
HEAD = ("page", "p50 ms", "p99 ms", "longest", "p99 by two", "loop held ms", "its p99", "CPU ms", "kB", "first ms")


@dataclass(frozen=True, slots=True)
class Report:
    """`turns` are pairs, without and with open pages; `rest` is what relay takes of a core while no event comes."""

    pages: Sequence[Times]
    turns: Sequence[tuple[Turn, Turn]]
    rest: tuple[float, float]


def write(directory: Path, machine: Mapping[str, str], report: Report) -> Path:
    """The page."""
    directory.mkdir(parents=True, exist_ok=True)
    page = directory / PAGE
    page.write_text("\n".join(lines(machine, report)) + "\n", "utf-8")
    turns = [[turn._asdict() for turn in pair] for pair in report.turns]
    document = {
        "machine": machine,
        "pages": [asdict(row) for row in report.pages],
        "ingest": turns,
        "rest": report.rest,
    }
    (directory / DOCUMENT).write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    return page


def slow(times: Sequence[Times]) -> list[Times]:
    return [row for row in times if max(row.p99, row.pair_p99) > PROMISE]


def lines(machine: Mapping[str, str], report: Report) -> Iterator[str]:
    yield "# What the console costs\n"
    yield from (f"- {name}: {value}" for name, value in machine.items())
    if report.pages:
        yield ""
        yield from table(HEAD, [_row(row) for row in report.pages])
        late = [f"{row.view} {row.text}".strip() for row in slow(report.pages)]
        yield f"\nOver {PROMISE:.0f} ms: {'; '.join(late) or 'none'}."
    if report.turns:
        yield from ingest_lines(report.turns, report.rest)


def brief(row: Times) -> str:
    return f"{row.view} {row.text}: " + "  ".join(
        f"{name} {cell}" for name, cell in zip(HEAD[1:], _row(row)[1:], strict=True)
    )


def _row(row: Times) -> list[str]:
    figures = (row.p50, row.p99, row.longest, row.pair_p99, row.held, row.held_p99, row.cpu)
    return [
        f"`{row.view}` {row.text}".strip(),
        *(f"{figure:.1f}" for figure in figures),
        f"{row.bytes / 1000:.0f}",
        f"{row.first:.0f}",
    ]
