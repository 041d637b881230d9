"""relay explain: the recipients of an event with the reasons, or the history of an operation."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import click
from rich.table import Table
from rich.text import Text

from relay.cli.client import ClientCommand, config_file, get, printed, zone
from relay.cli.connection import NotFound
from relay.cli.options import headers_option, read_event, visible
from relay.cli.screen import console as screen
from relay.cli.screen import show
from relay.domain.events import TERMINAL
from relay.errors import RelayError
from relay.operating.clocks import there
from relay.operating.sentences import clock, sentence_of, watch_lines
from relay.operating.timeline import Line, fold

SIMILAR = 8  # ids that are named


@click.command(cls=ClientCommand)
@click.argument("subject", metavar="EVENT.json|OPERATION_ID")
@click.option("--source", metavar="NAME", help="The source of the event; default: the first without a fixed event.")
@headers_option
@click.option("--all", "every", is_flag=True, help="Show every line of an operation, including repetitions.")
@click.option("--tenant", default="", metavar="NAME", help="The operation's tenant, where others have the same id.")
@click.option("--project", default="", metavar="NAME", help="The operation's project, where others have the same id.")
@click.option("--platform", default="", metavar="NAME", help="The operation's platform, where others have the same id.")
def explain(subject: str, source: str | None, *, headers: dict[str, str], every: bool, **whose: str) -> None:
    """Explain who is notified of an event and why: each rule with its conditions, each destination with what delays or
    holds messages for it.

    EVENT.json holds the event as it would be sent, of a source with a format as its sender sends it: then what the
    format reads is shown as well. - reads it from standard input. Nothing is sent, no running relay is needed, and
    secrets need not be set.

    With the id of an operation or batch, or its beginning, ask the running relay what happened to it: events received,
    notifications, each attempt with its answer. Repetitions are counted, unless --all or --json is given; of progress
    without a notification only the number is kept. If several tenants, projects or platforms use the id, select one
    with --tenant, --project and --platform.
    """
    if subject == "-" or Path(subject).is_file():
        _explain_event(subject, source, headers)
    elif subject.endswith(".json"):
        raise click.BadParameter(f"there is no file {subject}", param_hint="EVENT.json")
    else:
        _explain_operation(subject, every=every, **whose)


def _explain_event(subject: str, source: str | None, headers: Mapping[str, str]) -> None:
    from relay.channels import CHANNELS  # noqa: PLC0415 - an operation needs none of their libraries
    from relay.config import load  # noqa: PLC0415
    from relay.operating.explanation import explanation_of_body, source_named  # noqa: PLC0415

    config = load(config_file(), env=os.environ, channels=CHANNELS, needed=())
    try:
        name = source_named(config, source)
    except RelayError as error:
        raise click.BadParameter(str(error), param_hint="--source") from None
    try:
        explanation = explanation_of_body(
            read_event(subject), config, CHANNELS, name, datetime.now(UTC), headers=headers
        )
    except (RelayError, OSError) as error:
        raise RelayError(f"{subject}: {error}") from None
    if not printed(explanation):
        show_reading(explanation["format"])
        if explanation["event"]:
            show_decision(explanation)
        else:
            for line in explanation["limits"]:
                _print(line)
    if any(row["refused"] for row in explanation["format"]):
        raise SystemExit(1)


def _explain_operation(subject: str, *, every: bool, **whose: str) -> None:
    try:
        facts: dict[str, Any] = get("/operation", id=subject, **whose)
    except NotFound as error:
        facts = get("/operation", id=_known_id(subject, error), **whose)
    several = facts["several"]
    if not printed(facts) and not several:
        for part in page(facts, every=every):
            show(part)
    if several:
        queries = (parse_qsl(urlsplit(row["page"]).query) for row in several)  # they say whose operation it is
        lines = (" ".join(f"--{name} {text}" for name, text in query if name != "id") for query in queries)
        which = "\n  ".join([f"{len(several)} operations or batches have the id {facts['id']}; say which:", *lines])
        raise RelayError(which)


def _known_id(text: str, unknown: NotFound) -> str:
    """Return the only known id that begins with the text. RelayError names similar ids, where there are any."""
    ids = list(dict.fromkeys(row["operation"] for row in get("/operations", text=text)["rows"]))
    if len(matching := [id_ for id_ in ids if id_.startswith(text)]) == 1:
        return str(matching[0])
    near = ids or get_close_matches(text, [row["operation"] for row in get("/operations")["rows"]], n=SIMILAR)
    if not near:
        raise unknown
    raise RelayError(f"relay knows no operation {text}; similar ids:\n  " + "\n  ".join(near[:SIMILAR]))


MARKS = {True: ("✔", "green"), False: ("✘", "red")}


def show_reading(rows: Sequence[Mapping[str, Any]], *, documents: bool = False) -> None:
    """Print what a format makes of a body, or of each of its items."""
    for number, row in enumerate(rows, start=1):
        item = f"item {number}, " if len(rows) > 1 else ""
        _print((f"{item}{'case {}'.format(row['case']) if row['case'] else 'no case'} of the format", "bold"))
        for missed in row["missed"]:
            said = f"{missed['path']} is {missed['said'] or 'not there'}"
            _print((f"    case {missed['case']} does not hold: {said} (wanted: {missed['expected']})", "dim"))
        for line in row["lines"]:
            taken = line["value"] if line["value"] or not line["said"] else f"nothing, though it says {line['said']}"
            _print(
                f"    {line['field']:<16}{taken or 'not stated'} ", (f"({line['path']})" if line["path"] else "", "dim")
            )
        if row["ignored"] or row["refused"]:
            _print((f"ignored: {row['ignored']}" if row["ignored"] else f"refused: {row['refused']}", "yellow"))
        for text in row["document"].splitlines() if documents else ():
            _print(text)


def show_decision(explanation: Mapping[str, Any]) -> None:
    """Print it for a person."""
    event = explanation["event"]
    percentage = "" if event["percentage"] is None else f"{event['percentage']:g} %"
    parts = (event["name"] or event["subject"], event["status"], percentage, event["phase"], event["priority"])
    _print((event["event"], "bold"), f" from {event['source']}: {', '.join(filter(None, parts))}")
    for limit in explanation["limits"]:
        _print((limit, "yellow"))
    for rule in explanation["rules"]:
        _print("\n", MARKS[rule["matches"]], " ", (rule["rule"], "bold"), f" → {', '.join(rule['notify'])}")
        for condition in rule["conditions"]:
            stated = f" {condition['name']:<15} {condition['actual'] or 'not stated'} "
            _print("    ", MARKS[condition["holds"]], stated,
                   (f"(wanted: {', '.join(condition['wanted'])})", "dim"))  # fmt: skip
    show_destinations(explanation)
    unstated = any(not condition["actual"] for rule in explanation["rules"] for condition in rule["conditions"])
    if unstated and not event["event"].startswith("batch."):
        _print(("\nWhat is not stated, a running relay takes from earlier events.", "dim"))


def show_destinations(explanation: Mapping[str, Any]) -> None:
    """Print where messages will go, and what delays or holds them there."""
    for row in explanation["destinations"]:
        how = f" {row['channel']}, {row['mode']}: {', '.join(row['addresses'])}"
        _print("\n", (row["destination"], "bold"), f"{how}\n    because of {', '.join(row['rules'])}")
        for hold in row["holds"]:
            _print((f"    {hold}", "yellow"))
    for row in explanation["refused"]:
        _print((f"\nThe operation asks for {row['channel']} {row['address']}: not told, {row['why']}", "yellow"))
    if not explanation["destinations"]:
        _print(("\nNobody is notified.", "bold"))


def _print(*parts: str | tuple[str, str]) -> None:
    """Print a line of these texts, some of them with a style."""
    styled = [(part, "") if isinstance(part, str) else part for part in parts]
    screen(soft_wrap=True).print(Text.assemble(*((visible(text), style) for text, style in styled)))


COLOURS = {"delivered": "green", "failed": "yellow", "lease lapsed": "yellow", "dead": "red", "late": "dim",
           "held": "dim", "superseded": "dim", "queued": "dim", "digested": "dim"}  # fmt: skip


def page(facts: Mapping[str, Any], *, every: bool) -> Iterator[Text | Table]:
    """Yield its parts, one below the other, with the times of relay's zone."""
    yield Text(visible(facts["name"] or facts["id"]), "bold", overflow="fold")
    done = facts["percentage"] is None or facts["status"] == "Completed"  # what is complete may have reported less
    percentage = "" if done else f"{facts['percentage']:g} %"
    parts = (facts["id"] if facts["name"] else "", facts["type"], facts["priority"],
            f"{facts['status']} {percentage}".strip(), *(f"{key} {facts[key]}" for key in ("tenant", "project")
                                                        if facts[key]))  # fmt: skip
    yield Text(visible(", ".join(part for part in parts if part)), overflow="fold")
    over = facts["status"] in TERMINAL
    for warning in watch_lines(facts["watchdog"], zone(), over=over) if facts["watchdog"] else ():
        yield Text(visible(warning), "yellow")
    for verdict in facts["verdicts"]:
        yield _verdict(verdict)
    lines, counted = facts["timeline"], False
    if lines and datetime.fromisoformat(lines[0]["at"]) > datetime.fromisoformat(facts["first"]):
        yield Text("What came before is not kept.", "dim")
    for day, of_day in groupby(lines, lambda line: f"{_local(line):%Y-%m-%d %Z}"):
        listed = [*of_day]
        shown = listed if every else fold(listed)
        counted = counted or len(shown) < len(listed)
        yield Text(f"\n{day}", "bold")
        yield _table(shown)
    if counted:
        yield Text("\nWhat repeats is counted; --all shows each line that is kept.", "dim")


def _verdict(verdict: Mapping[str, Any]) -> Text:
    words = ": ".join(verdict[name] for name in ("why", "more") if verdict[name])
    if not verdict["destination"]:
        return Text(visible(words or "nobody is told"), overflow="fold")
    sentence = visible(f"{verdict['state']}{f', {words}' if words else ''}")
    return Text.assemble((visible(f"{verdict['destination']}: "), "bold"), sentence, overflow="fold")


def _table(lines: Iterable[Line]) -> Table:
    """A row for each line; what happened in one step carries its time once."""
    rows = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    rows.add_column(no_wrap=True)
    rows.add_column(overflow="fold")
    before = None
    for line in lines:
        at, destination = _local(line), line.get("destination")
        text = sentence_of(line, zone())
        if line.get("count", 1) > 1:
            text = f"{line['count']} × {text}, until {clock(line['until'], line['at'], zone())}"
        sentence = Text(visible(text), COLOURS.get(line["what"], ""))
        marked = Text.assemble((visible(f"→ {destination}: "), "bold"), sentence) if destination else sentence
        rows.add_row("" if at == before else f"{at:%H:%M:%S}.{at.microsecond // 1000:03d}", marked)
        before = at
    return rows


def _local(line: Mapping[str, Any]) -> datetime:
    return there(datetime.fromisoformat(line["at"]), zone())
