"""Obstacles in words, with remedies and the pages for them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

from pydantic import Field

from relay.background.self_monitor import request_counts
from relay.console.context import Context
from relay.console.facts import N_, Facts, Phrase, Time, phrase
from relay.policy.missing import Missing
from relay.policy.notices import DEAD, REFUSED, STORE, Cause, Trouble, Troubles
from relay.policy.reachability import States
from relay.reasons import Dead, sentences

CONSOLE = "/console"


class Obstacle(Facts):
    """`name` of a check in `/readyz?verbose` or a reported trouble, `part` in words; `why` continues the sentence."""

    name: str
    part: Phrase
    sentence: Phrase
    why: Phrase | None = None
    since: Time = None
    advice: Phrase | None
    page: str  # where it is explained or mended, '' for none


class Kind(NamedTuple):
    """Words for obstacles of one kind: its part of relay, what to do and where; of a trouble also its sentence."""

    part: str = ""
    advice: str = ""
    page: str = ""
    sentence: str = ""
    of_one: str = ""


WAITS = N_("What is for it waits and goes out once it works again.")
RESUMED = N_("What is for it waits until somebody resumes it, or the pause ends.")
KINDS: Mapping[str, Kind] = {  # by the first word of a check's name, or the kind of a trouble
    "redis": Kind("Redis", N_("Senders are answered 503 and try again. See that Redis runs and can be reached.")),
    "durability": Kind("", N_("Mend Redis's persistence or replicas, or ask for less with redis.durability.")),
    "memory": Kind("", N_("Give Redis more memory, or let what waits go out first."), "/deliveries?state=waiting"),
    "data": Kind(N_("relay's data"), N_("Find out who deleted it; a reload of the configuration ends this notice."),
                 "/audit"),
    "scheduler": Kind("", N_("Start a process that delivers: without it nobody hears of stalled runs or digests.")),
    "tick": Kind(N_("task %(name)s"), N_("The log says more; it is tried again with the next tick.")),
    "quarantine": Kind("", N_("Look at what failed; replay it once relay is mended."), "/quarantine"),
    "inbox": Kind("", "", "/quarantine"),
    "channel": Kind(N_("channel %(name)s"), WAITS, "/destinations"),
    "destination": Kind(N_("destination %(name)s"), WAITS, "/destination"),
    "template": Kind(N_("template %(name)s"), N_("Mend the template; until then relay's own wording is sent.")),
    "missing": Kind(N_("expected run of %(name)s"), N_("See why it was not started; the next run of it ends this."), "",
                    N_("did not start")),
    "ledger": Kind(N_("ledger"), N_("That is a fault of relay: please report it with the log."), "",
                   N_("The ledger does not add up: %(count)s deliveries are unaccounted for")),
    DEAD: Kind(N_("dead letters"), N_("Look at them; replay them once the cause is mended."), "/dead",
               N_("%(count)s messages became dead letters"), N_("1 message became a dead letter")),
    REFUSED: Kind(N_("source %(name)s"), N_("See why, and what the sender has to change."), "/now#sources",
                  N_("%(count)s of %(total)s requests of source %(name)s were refused, mostly")),
    STORE: Kind("Redis", N_("See what Redis says, and its log."), "", N_("The store")),
}  # fmt: skip
# By the outcome under which requests that were refused are counted (relay_events_total).
REFUSALS: Mapping[str, str] = {
    "malformed": N_("body is not JSON"), "unsigned": N_("signature, token or password missing, wrong or too old"),
    "too_slow": N_("body too slow"), "too_large": N_("body larger than server.max_body"),
    "unsupported": N_("content type or encoding that relay does not read"),
    "invalid": N_("no event that relay accepts from this source"),
    "rate_limited": N_("more than the source may send"),
    "unavailable": N_("could not be made durable"), "fault": N_("relay itself failed"),
    "wrong_method": N_("no POST"),
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
        shown.append(_obstacle("missing", name, phrase(KINDS["missing"].sentence), name=f"missing:{name}", since=since))
    if imbalance:
        shown.append(_obstacle("ledger", "", phrase(KINDS["ledger"].sentence, count=imbalance), name="ledger"))
    return shown


def _obstacle(kind: str, about: str, sentence: Phrase, *, advice: str = "", query: str = "", **more: Any) -> Obstacle:
    words = KINDS.get(kind, Kind())
    part = phrase(words.part, name=about) if words.part else phrase("%(name)s", name=f"{kind} {about}".strip())
    advice, page = advice or words.advice, f"{CONSOLE}{words.page}{query}" if words.page else ""
    return Obstacle(part=part, sentence=sentence, advice=phrase(advice) if advice else None, page=page, **more)


def _of_check(name: str, text: str, since: float | None = None) -> Obstacle:
    kind, _, rest = name.partition(":")
    about, advice, query = rest.replace("/", ", ", 1).replace(":", " "), "", ""
    if kind == "destination":
        destination, _, address = rest.partition("/")
        query = f"?{urlencode({'name': destination})}"
        advice = WAITS if address else RESUMED  # relay itself pauses single addresses
    sentence = phrase("%(text)s", text=text)
    return _obstacle(kind, about, sentence, advice=advice, query=query, name=name, since=since)


def _open(remembered: str) -> Sequence[Trouble]:
    try:
        return Troubles.load(remembered).open
    except ValueError:  # another release's
        return ()


def _of_trouble(cause: Cause) -> Obstacle:
    words = KINDS[cause.kind]
    wording = words.of_one if words.of_one and cause.count == 1 else words.sentence
    why = CODES.get(cause.kind, {}).get(cause.reason)
    return _obstacle(
        cause.kind,
        cause.name,
        phrase(wording, count=cause.count, total=cause.total, name=cause.name),
        why=phrase(why) if why else phrase("%(text)s", text=cause.reason) if cause.reason else None,
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
