"""Is everything reaching people? The console's first page as lines of text: what stands in the way, what goes on."""

from collections.abc import Iterator

from rich.text import Text

from relay.cli.glance.parts import counted, destination_lines, failure_lines, ledger_line, source_lines, store_line
from relay.cli.glance.runs import run_lines
from relay.cli.glance.sheet import Line, Sheet, harmless
from relay.console.views.now import NowFacts
from relay.console.views.obstacles import Obstacle
from relay.operating.clocks import there


def headline(facts: NowFacts, sheet: Sheet) -> Text:
    """The answer, and when it was given."""
    tone, sentence = facts.verdict
    style = {"ok": "green", "warn": "yellow", "bad": "red"}[tone]
    mark = sheet.letters.bad if facts.obstacles or facts.failed or not facts.ready else sheet.letters.good
    at = there(sheet.now, sheet.zone).strftime("%H:%M:%S %Z")
    return sheet.fit(Text(f"{mark} {sentence.text}", f"bold {style}").append(f"  {at}", "not bold dim"))


def picture(facts: NowFacts, sheet: Sheet, pattern: str = "") -> list[Line]:
    """What is below the headline. `pattern` is what the runs and parts that are shown have in them."""
    return [*_lines(_matching(facts, pattern.casefold()), sheet, facts, pattern)]


def _lines(facts: NowFacts, sheet: Sheet, unfiltered: NowFacts, pattern: str) -> Iterator[Line]:
    for obstacle in facts.obstacles:
        yield from map(Line, _obstacle(obstacle, sheet))
    if facts.redis is None:
        return
    if facts.failures or facts.failed_since:
        shown = f"{len(facts.failures):,} of {facts.failed:,}" if facts.failed > len(facts.failures) else ""
        if facts.failed_since:
            shown = f"at least {facts.failed:,}, back to {sheet.clock(facts.failed_since)}"
        yield from _section("Failed in the last 24 hours", shown, sheet)
        yield from failure_lines(facts.failures, sheet)
        yield Line(Text())
    yield from map(Line, sheet.wrapped(_figures(facts, sheet)))
    yield from _section("Running operations", _shown(facts, unfiltered, pattern), sheet)
    yield from run_lines(facts.runs, sheet) if facts.runs else [Line(Text("  none", "dim"))]
    for title, lines in (
        ("Destinations", destination_lines(facts, sheet)),
        ("Sources", source_lines(facts.sources, sheet)),
    ):
        if lines:
            yield from _section(title, "", sheet)
            yield from lines
    for title, text in (
        ("Redis", store_line(facts.durability, facts.redis, sheet)),
        ("Ledger", ledger_line(facts, sheet)),
    ):
        yield from _section(title, "", sheet)
        yield from map(Line, sheet.wrapped(text, indent=2))


def _section(title: str, note: str, sheet: Sheet) -> Iterator[Line]:
    yield Line(Text())
    yield Line(sheet.fit(Text(title, "bold").append(f"  {note}" if note else "", "not bold dim")))


def _obstacle(obstacle: Obstacle, sheet: Sheet) -> Iterator[Text]:
    why = f": {obstacle.why.text}" if obstacle.why else ""
    sentence = Text(harmless(obstacle.part.text), "bold red").append(
        f"  {harmless(obstacle.sentence.text + why)}", "not bold"
    )
    if obstacle.since:
        sentence.append(f"  since {sheet.since(obstacle.since)}", "not bold dim")
    yield from sheet.wrapped(sentence, indent=2)
    if obstacle.advice:
        yield from sheet.wrapped(Text(harmless(obstacle.advice.text), "dim"), indent=4)


def _figures(facts: NowFacts, sheet: Sheet) -> Text:
    waiting = sum(facts.waiting.values())
    due = f", the oldest due {sheet.ago(facts.oldest_due)}" if facts.oldest_due else ""
    return sheet.joined([
        Text(f"{facts.running:,} running"),
        Text(f"{facts.stalled:,} stalled", "bold yellow" if facts.stalled else ""),
        Text(f"{waiting:,} waiting to be sent{due}"),
        Text(counted(facts.dead, "dead letter"), "bold red" if facts.dead else ""),
        Text(f"{facts.quarantined:,} in quarantine", "bold yellow" if facts.quarantined else ""),
    ])  # fmt: skip


def _shown(facts: NowFacts, unfiltered: NowFacts, pattern: str) -> str:
    """How many of how many, where that are not all."""
    if not pattern:
        return f"{len(facts.runs):,} of {facts.running:,}" if facts.running > len(facts.runs) else ""
    looked = f"{len(unfiltered.runs):,} of {facts.running:,}" if facts.running > len(unfiltered.runs) else ""
    return f"{len(facts.runs):,} with {harmless(pattern)}{f' among {looked}' if looked else ''}"


def _matching(facts: NowFacts, pattern: str) -> NowFacts:
    """Those that have it in what names them; what stands in the way is shown whatever it is."""
    if not pattern:
        return facts
    runs = [
        run for run in facts.runs
        if any(pattern in text.casefold() for text in (run.name, run.operation, run.type, run.phase, run.status,
                                                       run.priority, run.tenant, run.project, run.platform))
    ]  # fmt: skip
    parts = {
        name: [row for row in getattr(facts, name) if pattern in row.name.casefold()]
        for name in ("channels", "destinations", "throttled", "sources")
    }
    return facts.model_copy(update={"runs": runs, **parts})
