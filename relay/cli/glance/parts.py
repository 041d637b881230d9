"""Channels, destinations, sources and the store as lines of text."""

from collections.abc import Iterable, Iterator, Sequence

from rich.cells import cell_len
from rich.text import Text

from relay.cli.glance.sheet import GAP, Line, Sheet, harmless
from relay.console.views.now import NowFacts
from relay.console.views.operations import OperationListed
from relay.console.views.parts import ChannelHealth, DestinationHealth, SourceHealth, StoreHealth, Throttled

MEBIBYTE = 1 << 20
LONGEST = 32  # columns of a name
Row = tuple[Text, Text]  # a name, and how it is


def destination_lines(facts: NowFacts, sheet: Sheet) -> list[Line]:
    """Return channels, then destinations, each with what is failing first."""
    rows: list[Row] = []
    rows += [(_titled(row.name, "channel"), _channel(row, sheet)) for row in facts.channels]
    rows += [(_titled(row.name, row.channel), _destination(row, sheet)) for row in facts.destinations]
    rows += [(_titled(row.name, "limit"), _throttled(row, sheet)) for row in facts.throttled]
    return [*_table(rows, sheet)]


def failure_lines(failures: Sequence[OperationListed], sheet: Sheet) -> list[Line]:
    """Each failed operation, and when."""
    rows = [
        (
            _titled(row.name or row.operation),
            Text(harmless(f"{row.status} {row.priority}"), "red").append(f"{GAP}{sheet.ago(row.last)}", "dim"),
        )
        for row in failures
    ]
    return [*_table(rows, sheet)]


def source_lines(sources: Sequence[SourceHealth], sheet: Sheet) -> list[Line]:
    """Those of which something is refused, and then all others together."""
    refusing = [(_titled(row.name), _source(row, sheet)) for row in sources if row.reasons]
    quiet = ", ".join(harmless(row.name) for row in sources if not row.reasons)
    rest = sheet.wrapped(Text("nothing refused today: ", "dim").append(quiet, "not dim"), indent=2) if quiet else []
    return [*_table(refusing, sheet), *map(Line, rest)]


def store_line(durability: str, redis: StoreHealth, sheet: Sheet) -> Text:
    """Redis, in one sentence."""
    full = f", {redis.fullness:.0%} of its maxmemory" if redis.fullness else ""
    parts = [
        Text(harmless(durability)),
        *([Text("its disk fails", "red")] if redis.aof_failing else []),
        Text(f"{redis.memory / MEBIBYTE:,.1f} MiB{full}"),
        Text(counted(redis.replicas, "replica")),
        Text(counted(redis.partitions, "partition")),
        *([Text(f"{redis.away} away", "red")] if redis.away else []),
        Text(f"scheduler ran {sheet.ago(redis.last_tick)}" if redis.last_tick else "scheduler has not run yet"),
    ]
    return sheet.joined([part for part in parts if part.plain])


def ledger_line(facts: NowFacts, sheet: Sheet) -> Text:
    """Where what was accepted is, and whether that adds up."""
    sum_ = Text("does not add up", "bold red") if facts.imbalance else Text("adds up", "green")
    places = [
        Text(f"{count:,} ").append(
            f"held: {facts.held[name]}".replace("{address}", "...") if name in facts.held else name
        )
        for name, count in facts.ledger.items()
    ]
    return sheet.joined([sum_, *(places or [Text("nothing was accepted yet")])])


def counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _channel(row: ChannelHealth, sheet: Sheet) -> Text:
    state = _state(row.state, row.why, sheet.since(row.since))
    if row.waiting:
        due = f", the oldest due {sheet.ago(row.oldest_due)}" if row.oldest_due else ""
        state.append(f"{GAP}{_waiting(row.waiting)}{due}")
    return state


def _destination(row: DestinationHealth, sheet: Sheet) -> Text:
    some = f", {row.failing} of {row.addresses} addresses" if row.failing and row.addresses > 1 else ""
    state = _state(f"paused by {row.by}" if row.by else row.state, row.why, sheet.since(row.since) + some)
    if row.channel_fault and not row.failing and not row.by:
        state = Text("its channel does not work", "bold red")
    if row.parked:
        state.append(f"{GAP}{_waiting(row.parked)}")
    if row.last_delivered:
        state.append(f"{GAP}last arrived {sheet.ago(row.last_delivered)}", "dim")
    return state


def _throttled(row: Throttled, sheet: Sheet) -> Text:
    return _state("throttled", row.why or "used up", sheet.since(row.since))


def _source(row: SourceHealth, sheet: Sheet) -> Text:
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in row.reasons)
    return Text(f"refused today: {harmless(reasons)}", "yellow").append(
        f"{GAP}the last {sheet.ago(row.last_refused)}", "dim"
    )


def _state(state: str, why: str, since: str) -> Text:
    """`state` of a row, or another word for what is the matter with it."""
    if state in ("works", "never_tried"):
        return Text("works", "green") if state == "works" else Text("not tried yet", "dim")
    verdict = Text(state, "bold red" if state == "failing" else "bold yellow").append(f": {harmless(why)}", "not bold")
    return verdict.append(f"{GAP}since {since}", "dim") if since else verdict


def _waiting(count: int) -> str:
    return f"{count:,} {'waits' if count == 1 else 'wait'}"


def _titled(name: str, kind: str = "") -> Text:
    title = Text(harmless(name), "bold")
    return title.append(f" {harmless(kind)}", "dim") if kind else title


def _table(rows: Iterable[Row], sheet: Sheet) -> Iterator[Line]:
    listed = [*rows]
    longest = max((cell_len(title.plain) for title, _ in listed), default=0)
    width = min(longest, LONGEST, sheet.width // 2)
    for title, state in listed:
        yield Line(sheet.fit(Text(GAP).append_text(sheet.cell(title, width)).append(GAP).append_text(state)))
