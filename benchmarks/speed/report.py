"""The figures as a page, as charts beside it, and as one document for programs."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from html import escape
from pathlib import Path

from benchmarks.speed.findings import Findings

LABEL, BAR, VALUE, LINE, TOP = 330, 420, 110, 26, 44  # pixels

STYLE = """\
text { font: 13px system-ui, sans-serif; fill: #1f2328 } .title { font-weight: 600 }
.peer { fill: #8c959f } .relay { fill: #0969da }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .peer { fill: #6e7681 } .relay { fill: #4493f8 } }"""


def bars(title: str, values: Sequence[tuple[str, float]], form: str = ",.0f") -> str:
    """The chart; the longest bar is the whole width."""
    longest = max((value for _, value in values), default=0) or 1
    width, height = LABEL + BAR + VALUE, TOP + LINE * len(values) + 10
    rows = (_row(TOP + LINE * number, *pair, longest, form) for number, pair in enumerate(values))
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}</style>",
        f'<text class="title" x="10" y="24">{escape(title)}</text>',
        *rows,
        "</svg>",
        "",
    ])  # fmt: skip


def _row(y: int, name: str, value: float, longest: float, form: str) -> str:
    kind = "relay" if name.startswith("relay") else "peer"
    length = max(1.0, BAR * value / longest)
    return (
        f'<text x="{LABEL - 10}" y="{y + 14}" text-anchor="end">{escape(name)}</text>'
        f'<rect class="{kind}" x="{LABEL}" y="{y}" width="{length:.1f}" height="18" rx="2"/>'
        f'<text x="{LABEL + length + 8:.1f}" y="{y + 14}">{value:{form}}</text>'
    )


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
        yield from (f"\n- left out: {reason}" for reason in part.left_out)
        yield "\nNothing was lost, doubled or refused." if not part.faults else "\n**Faults:**\n"
        yield from (f"- {fault}" for fault in part.faults)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Figures to the right."""
    yield f"| {' | '.join(head)} |"
    yield f"|---|{'---:|' * (len(head) - 1)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)


def _file(part: Findings, figure: str) -> str:
    return f"{part.name}-{figure.replace('_', '-')}.svg"
