"""The runs that go on, as lines: how far, in which phase, and whether they end as usual."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from relay.cli.glance.sheet import GAP, Line, Name, Sheet, harmless
from relay.console.views.running import RunFacts

MARK = 2  # columns before a name, where the run that is chosen is marked
FIGURE = 4  # columns of a percentage
PHASES, HEARD = 60, 110  # columns of a sheet from which on there is room for these
WIDE = 120  # columns of a sheet from which on a bar is longer


@dataclass(frozen=True, slots=True)
class Columns:
    """How wide each is, 0 where it is left out."""

    name: int
    bar: int
    phase: int
    ends: int
    heard: int
    ids: bool  # whether there is room for them beside the names

    @classmethod
    def of(cls, runs: Sequence[RunFacts], sheet: Sheet) -> "Columns":
        """As wide as what is in them, as long as all of it has room. A name goes before its id."""
        width = sheet.width
        bar = 20 if width >= WIDE else 10 if width >= PHASES else 5
        ends = _widest("Usually ends", [_ends(run, sheet) for run in runs]) if width >= PHASES else 0
        heard = _widest("Last event", [sheet.ago(run.heard) for run in runs]) if width >= HEARD else 0
        phase = _widest("Phase", [run.phase for run in runs]) if width >= PHASES else 0
        room = width - MARK - len(GAP) - bar - 1 - FIGURE - sum(len(GAP) + column for column in (ends, heard) if column)
        phase = min(phase, room * 2 // 5)
        room -= phase + len(GAP) if phase else 0
        names = [_widest("Operation", [_name(run, ids=ids).plain for run in runs]) for ids in (False, True)]
        return cls(min(names[names[1] <= room], room), bar, phase, ends, heard, ids=names[1] <= room)


def run_lines(runs: Sequence[RunFacts], sheet: Sheet) -> list[Line]:
    """A heading, then a line for each, and one more below those that are stalled."""
    columns = Columns.of(runs, sheet)
    progress = "Progress".ljust(columns.bar + 1 + FIGURE)
    cells = (sheet.cell("Operation", columns.name), Text(progress), *_optional(sheet, columns, "Phase", "Usually ends",
             "Last event"))  # fmt: skip
    lines = [Line(_row(cells, "dim"))]
    for run in runs:
        lines += _lines_of(run, columns, sheet)
    return lines


def named(run: RunFacts) -> Name:
    return run.platform, run.tenant, run.project, run.operation


def _lines_of(run: RunFacts, columns: Columns, sheet: Sheet) -> list[Line]:
    style = "red" if run.stalled else "yellow" if run.late else "green"
    figure = "" if run.percentage is None else f"{run.percentage:.0f}%"
    progress = sheet.bar(run.percentage, columns.bar, style).append(" ")
    progress.append_text(sheet.cell(figure, FIGURE, right=True))
    ends = Text(_ends(run, sheet), "yellow" if run.late else "")
    cells = (sheet.cell(_name(run, ids=columns.ids), columns.name), progress,
             *_optional(sheet, columns, run.phase, ends, sheet.ago(run.heard)))  # fmt: skip
    lines = [Line(_row(cells), named(run))]
    notes = []
    if run.stalled:
        trouble = run.trouble.text if run.trouble else ""
        notes.append(f"stalled: {trouble} {sheet.since(run.stalled_since)}".strip(" :"))
    if run.late and not columns.ends:
        notes.append(f"later than usual: {sheet.ago(run.ends)}")
    if notes:
        lines.append(Line(sheet.fit(Text(" " * MARK * 2).append("; ".join(notes), "red" if run.stalled else "yellow"))))
    return lines


def _optional(sheet: Sheet, columns: Columns, phase: str, ends: str | Text, heard: str) -> list[Text]:
    values = ((phase, columns.phase), (ends, columns.ends), (heard, columns.heard))
    return [sheet.cell(value, width) for value, width in values if width]


def _row(cells: Sequence[Text], style: str = "") -> Text:
    return Text(" " * MARK, style).append_text(Text(GAP).join(cells))


def _name(run: RunFacts, *, ids: bool) -> Text:
    name = Text(harmless(run.name or run.operation), "bold red" if run.stalled else "bold")
    return name.append(f" {harmless(run.operation)}", "not bold dim") if ids and run.name else name


def _ends(run: RunFacts, sheet: Sheet) -> str:
    return f"late: {sheet.ago(run.ends)}" if run.late else sheet.ago(run.ends)


def _widest(heading: str, texts: Sequence[str]) -> int:
    """The columns that these need below their heading; 0 where there are none."""
    widths = [cell_len(harmless(text)) for text in texts]
    return max(cell_len(heading), *widths) if any(widths) else 0
