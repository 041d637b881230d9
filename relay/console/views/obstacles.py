"""Obstacles in words, with remedies and the pages for them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

from pydantic import Field

from relay.background.self_monitor import request_counts
from relay.console.context import Context
from relay.console.facts import Facts, Time
from relay.policy.missing import Missing
from relay.policy.notices import DEAD, REFUSED, STORE, Cause, Trouble, Troubles
from relay.policy.reachability import States
from relay.reasons import Dead, sentences

CONSOLE = "/console"


class Obstacle(Facts):
    """`name` of a check in `/readyz?verbose` or a reported trouble, `part` in words; `why` continues the sentence."""

    name: str
    part: str
    sentence: str
    why: str = ""
    since: Time = None
    advice: str
    page: str  # where it is explained or mended, '' for none


class Kind(NamedTuple):
    """Words for obstacles of one kind: its part of relay, what to do and where; of a trouble also its sentence."""

    part: str = ""
    advice: str = ""
    page: str = ""
    sentence: str = ""
    of_one: str = ""


WAITS = "What is for it waits and goes out once it works again."
RESUMED = "What is for it waits until somebody resumes it, or the pause ends."
KINDS: Mapping[str, Kind] = {  # by the first word of a check's name, or the kind of a trouble
    "redis": Kind("Redis", "Senders are answered 503 and try again. See that Redis runs and can be reached."),
    "durability": Kind("", "Mend Redis's persistence or replicas, or ask for less with redis.durability."),
    "memory": Kind("", "Give Redis more memory, or let what waits go out first.", "/deliveries?state=waiting"),
    "data": Kind("relay's data", "Find out who deleted it; a reload of the configuration ends this notice.",
                 "/audit"),
    "scheduler": Kind("", "Start a process that delivers: without it nobody hears of stalled runs or digests."),
    "tick": Kind("task %(name)s", "The log says more; it is tried again with the next tick."),
    "quarantine": Kind("", "Look at what failed; replay it once relay is mended.", "/quarantine"),
    "inbox": Kind("", "", "/quarantine"),
    "channel": Kind("channel %(name)s", WAITS, "/destinations"),
    "destination": Kind("destination %(name)s", WAITS, "/destination"),
    "template": Kind("template %(name)s", "Mend the template; until then relay's own wording is sent."),
    "missing": Kind("expected run of %(name)s", "See why it was not started; the next run of it ends this.", "",
                    "did not start"),
    "ledger": Kind("ledger", "That is a fault of relay: please report it with the log.", "",
                   "The ledger does not add up: %(count)s deliveries are unaccounted for"),
    DEAD: Kind("dead letters", "Look at them; replay them once the cause is mended.", "/dead",
               "%(count)s messages became dead letters", "1 message became a dead letter"),
    REFUSED: Kind("source %(name)s", "See why, and what the sender has to change.", "/now#sources",
                  "%(count)s of %(total)s requests of source %(name)s were refused, mostly"),
    STORE: Kind("Redis", "See what Redis says, and its log.", "", "The store"),
}  # fmt: skip
# By the outcome under which requests that were refused are counted (relay_events_total).
REFUSALS: Mapping[str, str] = {
    "malformed": "body is not JSON", "unsigned": "signature, token or password missing, wrong or too old",
    "too_slow": "body too slow", "too_large": "body larger than server.max_body",
    "unsupported": "content type or encoding that relay does not read",
    "invalid": "no event that relay accepts from this source",
    "rate_limited": "more than the source may send",
    "unavailable": "could not be made durable", "fault": "relay itself failed",
    "wrong_method": "no POST",
}  # fmt: skip
CODES: Mapping[str, Mapping[str, str]] = {DEAD: sentences(Dead), REFUSED: REFUSALS}  # else the reason is a text


def obstacles(
    checks: Mapping[str, str], states: States, remembered: str = "", imbalance: int = 0, missing: Iterable[bytes] = ()
) -> list[Obstacle]:
    """Return what fails, what else the checks say, and the remembered troubles that no check says already."""
    failing = {scope: state for scope, state in states.items() if state.fails}
    shown = [_of_check(scope, state.why, state.since) for scope, state in failing.items()]
    shown += [_of_check(name, text) for name, text in checks.items() if name not in failing]
    shown += [_of_trouble(row.cause) for row in _open(remembered) if row.cause.kind in (DEAD, REFUSED, STORE)]
    for name, since in _missing(missing):
        shown.append(_obstacle("missing", name, KINDS["missing"].sentence, name=f"missing:{name}", since=since))
    if imbalance:
        shown.append(_obstacle("ledger", "", KINDS["ledger"].sentence % {"count": imbalance}, name="ledger"))
    return shown


def _obstacle(kind: str, about: str, sentence: str, *, advice: str = "", query: str = "", **more: Any) -> Obstacle:
    words = KINDS.get(kind, Kind())
    part = words.part % {"name": about} if words.part else f"{kind} {about}".strip()
    advice, page = advice or words.advice, f"{CONSOLE}{words.page}{query}" if words.page else ""
    return Obstacle(part=part, sentence=sentence, advice=advice, page=page, **more)


def _of_check(name: str, text: str, since: float | None = None) -> Obstacle:
    kind, _, rest = name.partition(":")
    about, advice, query = rest.replace("/", ", ", 1).replace(":", " "), "", ""
    if kind == "destination":
        destination, _, address = rest.partition("/")
        query = f"?{urlencode({'name': destination})}"
        advice = WAITS if address else RESUMED  # relay itself pauses single addresses
    return _obstacle(kind, about, text, advice=advice, query=query, name=name, since=since)


def _open(remembered: str) -> Sequence[Trouble]:
    try:
        return Troubles.load(remembered).open
    except ValueError:  # another release's
        return ()


def _of_trouble(cause: Cause) -> Obstacle:
    words = KINDS[cause.kind]
    wording = words.of_one if words.of_one and cause.count == 1 else words.sentence
    return _obstacle(
        cause.kind,
        cause.name,
        wording % {"count": cause.count, "total": cause.total, "name": cause.name},
        why=CODES.get(cause.kind, {}).get(cause.reason, cause.reason),
        name=cause.key.rstrip(":"),
        since=cause.since,
    )


def _missing(stored: Iterable[bytes]) -> Iterator[tuple[str, float]]:
    """Yield expected runs that have not begun, each with the time of its alarm."""
    for text in stored:
        try:
            run = Missing.load(text)
        except ValueError:  # the watchdog's next tick forgets it
            continue
        yield run.expectation or run.job.name, run.since


class SourceHealth(Facts):
    """Requests of a source since this process began; those that were `refused` by outcome. `format`: of its page.

    `asked`: what its senders prove themselves by.
    """

    name: str
    format: str = ""
    asked: str = "signature"
    accepted: int = 0
    duplicates: int = 0
    late: int = 0
    refused: dict[str, int] = Field(default_factory=dict)

    @property
    def reasons(self) -> list[tuple[str, int]]:
        """Return the outcomes in words."""
        return [(REFUSALS.get(outcome, outcome), count) for outcome, count in self.refused.items()]


def sources(context: Context) -> list[SourceHealth]:
    """Return the configured sources, those of which most was refused first."""
    configured = context.config().sources
    counts: dict[str, dict[str, int]] = {name: {} for name in configured}
    for (source, outcome), count in request_counts().items():
        if count and source in counts:
            counts[source][outcome] = int(count)
    rows = [
        SourceHealth(
            name=name,
            format=configured[name].format if configured[name].reader else "",
            asked=configured[name].signature.rules.asked,
            accepted=row.get("accepted", 0),
            duplicates=row.get("duplicate", 0),
            late=row.get("late", 0),
            refused={outcome: row[outcome] for outcome in REFUSALS if outcome in row},
        )
        for name, row in counts.items()
    ]
    return sorted(rows, key=lambda row: -sum(row.refused.values()))
