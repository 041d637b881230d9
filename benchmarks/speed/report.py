"""The figures as a page, as charts beside it, and as one document for programs."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.speed.charts import bars
from benchmarks.speed.findings import Findings

PAGE, DOCUMENT = "README.md", "results.json"


def write(directory: Path, machine: Mapping[str, str], parts: Sequence[Findings]) -> Path:
    """The page. What an earlier run left in the directory is replaced where it has the same name."""
    directory.mkdir(parents=True, exist_ok=True)
    for part in parts:
        for chart in part.charts:
            if values := part.bars(chart):
                (directory / _file(part, chart.figure)).write_text(bars(chart.title, values, chart.form), "utf-8")
    page = directory / PAGE
    page.write_text("\n".join(lines(machine, parts)) + "\n", "utf-8")
    document = {"machine": machine, "parts": [asdict(part) for part in parts]}
    (directory / DOCUMENT).write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    return page


def lines(machine: Mapping[str, str], parts: Iterable[Findings]) -> Iterator[str]:
    yield "# Speed, measured side by side\n"
    yield "Subjects take turns on one machine, in rounds; figures are medians, ratios are of the same round. Read"
    yield "ratios: absolute figures drift by a fifth within minutes where a machine is shared.\n"
    yield from (f"- {name}: {value}" for name, value in machine.items())
    for part in parts:
        yield f"\n## {part.title}\n"
        yield part.text + "\n"
        yield from table(["", *(column.head for column in part.columns)], part.rows())
        for chart in part.charts:
            if part.bars(chart):
                yield f"\n![{chart.title}]({_file(part, chart.figure)})"
        yield from (f"\n- left out: {what}" for what in part.left_out)
        yield "\nNothing was lost, doubled or refused." if not part.faults else "\n**Faults:**\n"
        yield from (f"- {fault}" for fault in part.faults)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Figures to the right."""
    yield f"| {' | '.join(head)} |"
    yield f"|---|{'---:|' * (len(head) - 1)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)


def _file(part: Findings, figure: str) -> str:
    return f"{part.name}-{figure.replace('_', '-')}.svg"
