"""relay dead: the dead letters and the quarantine, to look at, replay or drop."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import click

from relay.cli.client import (
    ClientCommand,
    Group,
    concluded,
    config_file,
    cursor_option,
    get,
    older,
    post,
    printed,
)
from relay.cli.options import not_empty, visible
from relay.cli.screen import Cell, details, rows_table, show, when
from relay.operating.relay_sock import ZONE
from relay.reasons import Dead, sentences

SHORT_ID = re.compile(r"(q-)?([0-9a-f]{8})[0-9a-f]*(-\S+)?")  # what is typed of an id
QUARANTINED, ENTRY = "q-", "q-in-"  # how ids of the quarantine begin, and among them those of entries of the inbox
KINDS = {
    "quarantined": "refused",
    "fault": "fault",
}  # reasons of what is in the quarantine, and what the API calls them
REASONS = [*sentences(Dead), *KINDS]
COLUMNS: Mapping[str, Cell] = {
    "id": lambda row: _short(row["id"]),
    "since": lambda row: when(row["died"]),
    "what": lambda row: f"{row['event']} → {row['destination']} ({row['address']})",
    "operation": "operation",
    "tries": "attempts",
    "why": lambda row: ": ".join(filter(None, (row["why"], row["error"]))),
}
BODIES: Mapping[str, Cell] = {
    "id": lambda row: _short(row["id"]),
    "since": lambda row: when(row["at"]),
    "what": lambda row: (
        f"{'an accepted entry' if row['id'].startswith(ENTRY) else 'a body'} from {row['source'] or 'the inbox'}"
    ),
    "why": lambda row: f"{'relay itself failed on it' if row['fault'] else 'refused'}: {row['reason']}",
}
Filters = Mapping[str, str | None]
Meant = tuple[str, dict[str, Any], dict[str, Any]]  # a list, the form that acts on it, and how many that are


@click.group(cls=Group)
def dead() -> None:
    """Dead letters: deliveries that are not retried automatically, and signed events that are invalid (q-…).

    An ID may be shortened to the eight characters that `list` shows.
    """


def _filters(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--since", metavar="WHEN", callback=not_empty,
                     help="Only since then: a duration such as 2h, or a time such as 2024-01-20T12:40."),
        click.option("--event", metavar="NAME", callback=not_empty,
                     help="Only of this event; * matches any text: operation.*."),
        click.option("--reason", metavar="REASON", type=click.Choice(REASONS),
                     help=f"Only with this reason: {', '.join(REASONS)}."),
        click.option("--destination", metavar="NAME", callback=not_empty, help="Only for this destination."),
    ):  # fmt: skip
        command = option(command)
    return command


@dead.command("list", cls=ClientCommand, short_help="List dead letters and quarantined events.")
@_filters
@cursor_option
@click.option(
    "--redis",
    metavar="URL",
    help="Read this Redis directly, if relay cannot start.",
)
def list_(cursor: str | None, redis: str | None, **filters: str | None) -> None:
    """List dead letters and quarantined events, newest first; filters are combined with AND."""
    of_cursor, _, place = (cursor or "").partition(":")
    found = {
        path: _listed(redis, path, {"cursor": place, **question})
        for path, question in _lists_of(filters)
        if of_cursor in ("", path.strip("/"))
    }
    if printed({path.strip("/"): facts for path, facts in found.items()}):
        return
    rows = {path: facts["rows"] for path, facts in found.items()}
    if not any(rows.values()):
        click.echo("Nothing is dead or quarantined that these filters mean." if any(filters.values()) else
                   "Nothing is dead, nothing is quarantined.")  # fmt: skip
    for path, columns in (("/dead", COLUMNS), ("/quarantine", BODIES)):
        if rows.get(path):
            show(rows_table(rows[path], columns, whole=("id", "since")))
            older(found[path], f"{path.strip('/')}:")


@dead.command("show", cls=ClientCommand, short_help="Show one with its event.")
@click.argument("name", metavar="ID")
def show_(name: str) -> None:
    """Show one: its reason, and its event in the form that `relay explain -` and `relay send -` read."""
    facts = _named(name)
    if not printed(facts):
        show(details({name: value for name, value in facts.items() if name not in ("body", "cut")}))
        click.echo(f"\n{visible(facts['body'] or 'It shows the present state, and so keeps no event of its own.')}")


def _act(verb: str, doing: str, doc: str) -> None:
    @click.argument("ids", nargs=-1, metavar="ID…")
    @click.option("--all", "every", is_flag=True, help="All dead letters and quarantined events.")
    @_filters
    @click.option("--dry-run", is_flag=True, help="Only show how many would be affected.")
    def act(ids: tuple[str, ...], *, every: bool, dry_run: bool, **filters: str | None) -> None:
        if bool(ids) == (every or any(filters.values())):
            begin = "either name ids" if ids else "name at least one id"
            raise click.UsageError(f"{begin}, or say --all or a filter such as --destination")
        meant = [*(_chosen(ids) if ids else _matching(verb, filters))]
        if dry_run:
            _print_dry_run(verb, {path: facts for path, _, facts in meant})
            return
        if not meant:
            click.echo("Nothing that is dead or quarantined is meant by these filters.")
        answers = [post(f"{path}/{verb}", **form) for path, form, _ in meant]
        concluded(*answers)
        if any(answer.get("failed") for answer in answers):
            raise SystemExit(1)

    act.__doc__ = doc
    dead.command(verb, cls=ClientCommand, short_help=doing)(act)


_act(
    "replay",
    "Deliver again.",
    """Deliver dead letters again, with fresh attempts; process quarantined events again, by the present rules.

    Select them by ID or by filters; filters are combined with AND. If an ID is unknown, nothing is replayed. Deliveries
    to suppressed addresses stay dead letters. Exit status 1 if any of them stays.
    """,
)
_act(
    "drop",
    "Delete for good.",
    "Delete for good, selected by ID or by filters. If an ID is unknown, nothing is deleted.",
)


@dead.command("set-aside", cls=ClientCommand, short_help="Set aside what ends relay.")
@click.argument("ids", nargs=-1, required=True, metavar="ID…")
@click.option("--redis", metavar="URL", help="This Redis, instead of that of --config.")
def set_aside_(ids: tuple[str, ...], redis: str | None) -> None:
    """Set accepted entries aside before relay decides them, whether it runs or not: it works on Redis itself.

    If relay ends again and again right after its start, the last `entry.next` in its log names the entry.
    `relay dead replay` brings it back. Exit status 1 if any of them is decided already, or unknown.
    """
    from relay.cli.offline import set_aside  # noqa: PLC0415 - it brings the store

    done = set_aside(ids, redis, None if redis else config_file())
    if not printed({"set_aside": done}):
        for name in ids:
            click.echo(f"{name}: {'set aside' if name in done else 'it is not in the inbox: nothing was done'}")
    if len(done) < len({*ids}):
        raise SystemExit(1)


def _lists_of(filters: Filters) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the lists that these filters are about, and how each is asked."""
    given = {name: text for name, text in filters.items() if text}
    since, kind = {"since": given["since"]} if "since" in given else {}, KINDS.get(given.get("reason", ""))
    if kind is None:
        yield "/dead", given
    if not given.keys() - {"since", "reason"} and (kind or "reason" not in given):
        yield "/quarantine", {**since, **({"kind": kind} if kind else {})}


def _matching(verb: str, filters: Filters) -> Iterator[Meant]:
    """Yield the lists of which any match, with what the API says of how many."""
    for path, question in _lists_of(filters):
        summary = get(f"{path}/all", verb=verb, **question)
        if summary["count"] or summary.get("more"):
            yield path, {"every": True, "before": summary["before"], **question}, summary


def _chosen(ids: tuple[str, ...]) -> Iterator[Meant]:
    """Yield the lists of these ids. RelayError, before anything is done, for one that means nothing."""
    named: dict[str, list[str]] = {"/dead": [], "/quarantine": []}
    for name in dict.fromkeys(ids):
        named["/quarantine" if name.startswith(QUARANTINED) else "/dead"].append(_named(name)["id"])
    return ((path, {"id": some}, {"count": len(some), "of": []}) for path, some in named.items() if some)


def _print_dry_run(verb: str, meant: Mapping[str, dict[str, Any]]) -> None:
    if printed({path.strip("/"): facts for path, facts in meant.items()}):
        return
    words = {"/dead": "dead letter", "/quarantine": "quarantined event"}
    counts = [(facts["count"], words[path]) for path, facts in meant.items() if facts["count"]]
    shown = " and ".join(f"{count} {word}{'s' * (count != 1)}" for count, word in counts)
    click.echo(f"would {verb} {shown or 'nothing'}")
    if rows := meant.get("/dead", {}).get("of"):
        show(rows_table(rows, {name: name for name in ("destination", "why", "count")}))


def _listed(redis: str | None, path: str, question: Mapping[str, Any]) -> Any:
    if redis is None:
        return get(path, **question)
    from relay.cli.offline import listed  # noqa: PLC0415 - it brings the store

    click.get_current_context().meta[ZONE] = "UTC"
    return listed(redis, path, question)


def _short(id_: str) -> str:
    match = SHORT_ID.fullmatch(id_)
    return "".join(filter(None, match.groups())) if match else id_


def _named(name: str) -> dict[str, Any]:
    facts: dict[str, Any] = get("/quarantined" if name.startswith(QUARANTINED) else "/dead-letter", id=name)
    return facts
