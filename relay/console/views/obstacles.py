"""Obstacles in words: what stands in the way, what to do about it, and the page where that is done."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from urllib.parse import urlencode

from pydantic import Field

from relay.background.self_monitor import request_counts
from relay.console.context import Context
from relay.console.facts import N_, Facts, Phrase, Time, phrase
from relay.policy.missing import Missing
from relay.policy.notices import DEAD, REFUSED, STORE, Trouble, Troubles
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


# By the first word of a check's name: what to do, and the page for it.
CHECKS: Mapping[str, tuple[str, str]] = {
    "redis": (N_("Senders are answered 503 and try again. See that Redis runs and can be reached."), ""),
    "durability": (N_("Mend Redis's persistence or replicas, or ask for less with redis.durability."), ""),
    "memory": (N_("Give Redis more memory, or let what waits go out first."), "/deliveries?state=waiting"),
    "partitions": (N_("Bring the nodes back; what lives there waits meanwhile."), ""),
    "data": (N_("Find out who deleted it; a reload of the configuration ends this notice."), "/audit"),
    "scheduler": (N_("Start a process that delivers: without it nobody hears of stalled runs or digests."), ""),
    "tick": (N_("The log says more; it is tried again with the next tick."), ""),
    "quarantine": (N_("Look at what failed; replay it once relay is mended."), "/quarantine"),
    "letters": (N_("The log names each (letter.unreadable)."), ""),
    "channel": (N_("What is for it waits and goes out once it works again."), "/destinations"),
    "destination": (N_("What is for it waits and goes out once it works again."), "/destination"),
    "limit": (N_("What is for it waits and goes out once the limit has room again."), "/destinations"),
    "template": (N_("Mend the template; until then relay's own wording is sent."), "/templates"),
}  # fmt: skip
# By the same word: the part of relay that it is about, where its name does not say it.
PARTS: Mapping[str, str] = {
    "channel": N_("channel %(name)s"),
    "destination": N_("destination %(name)s"),
    "limit": N_("limit of %(name)s"),
    "tick": N_("task %(name)s"),
    "data": N_("relay's data"),
    "letters": N_("letters between nodes"),
    "ledger": N_("ledger"),
    "redis": "Redis",
    DEAD: N_("dead letters"),
    REFUSED: N_("source %(name)s"),
    "template": N_("template %(name)s"),
    "missing": N_("expected run of %(name)s"),
    STORE: "Redis",
}
RESUMED = N_("What is for it waits until somebody resumes it, or the pause ends.")
TROUBLES: Mapping[str, tuple[str, str, str]] = {
    DEAD: (
        N_("%(count)s messages became dead letters"),
        N_("Look at them; replay them once the cause is mended."),
        "/dead",
    ),
    REFUSED: (
        N_("%(count)s of %(total)s requests of source %(name)s were refused, mostly"),
        N_("See why, and what the sender has to change."),
        "/now#sources",
    ),
    STORE: (N_("The store"), N_("See what Redis says, and its log."), ""),
}
OF_ONE: Mapping[str, str] = {DEAD: N_("1 message became a dead letter")}
# By the outcome under which requests that were refused are counted (relay_events_total).
REFUSALS: Mapping[str, str] = {
    "malformed": N_("body is not JSON"), "unsigned": N_("signature missing, wrong or too old"),
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
    shown = [_of_check(scope, state.cause, state.since) for scope, state in failing.items()]
    shown += [_of_check(name, text, None) for name, text in checks.items() if name not in failing]
    shown += [_of_trouble(row) for row in _open(remembered) if row.cause.kind in TROUBLES]
    shown += chain.from_iterable(map(_of_missing, missing))
    if imbalance:
        sentence = phrase(N_("The ledger does not add up: %(count)s deliveries are unaccounted for"), count=imbalance)
        advice = phrase(N_("That is a fault of relay: please report it with the log."))
        shown.append(Obstacle(name="ledger", part=_part("ledger"), sentence=sentence, advice=advice, page=""))
    return shown


def _open(remembered: str) -> Sequence[Trouble]:
    try:
        return Troubles.load(remembered).open
    except ValueError:  # another release's
        return ()


def _of_check(name: str, text: str, since: float | None) -> Obstacle:
    kind, _, rest = name.partition(":")
    advice, page = CHECKS.get(kind, ("", ""))
    if kind == "destination":
        destination, _, address = rest.partition("/")
        page += f"?{urlencode({'name': destination})}"
        advice = advice if address else RESUMED  # relay itself pauses single addresses
    return Obstacle.merged(
        name=name, part=_part(kind, rest.replace("/", ", ", 1).replace(":", " ")),
        sentence=phrase("%(text)s", text=text), since=since, advice=phrase(advice) if advice else None,
        page=f"{CONSOLE}{page}" if page else "",
    )  # fmt: skip


def _of_trouble(row: Trouble) -> Obstacle:
    cause = row.cause
    several, advice, page = TROUBLES[cause.kind]
    wording = OF_ONE.get(cause.kind, several) if cause.count == 1 else several
    why = CODES.get(cause.kind, {}).get(cause.reason)
    return Obstacle.merged(
        name=cause.key.rstrip(":"), part=_part(cause.kind, cause.name),
        sentence=phrase(wording, count=cause.count, total=cause.total, name=cause.name),
        why=phrase(why) if why else phrase("%(text)s", text=cause.reason) if cause.reason else None,
        since=cause.since, advice=phrase(advice), page=f"{CONSOLE}{page}" if page else "",
    )  # fmt: skip


def _of_missing(text: bytes) -> Iterator[Obstacle]:
    """Yield an expected run that has not begun since its alarm, as the store has it."""
    try:
        stored = Missing.load(text)
    except ValueError:  # the watchdog's next tick forgets it
        return
    name = stored.expectation or stored.job.name
    advice = phrase(N_("See why it was not started; the next run of it ends this."))
    yield Obstacle.merged(name=f"missing:{name}", part=_part("missing", name), sentence=phrase(N_("has not begun")),
                          since=stored.since, advice=advice, page="")  # fmt: skip


def _part(kind: str, name: str = "") -> Phrase:
    if kind not in PARTS:
        return phrase("%(name)s", name=f"{kind} {name}".strip())
    return phrase(PARTS[kind], name=name)


class SourceHealth(Facts):
    """Requests of a source since this process began; those that were `refused` by outcome."""

    name: str
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
    counts: dict[str, dict[str, int]] = {name: {} for name in context.config().sources}
    for (source, outcome), count in request_counts().items():
        if count and source in counts:
            counts[source][outcome] = int(count)
    rows = [
        SourceHealth(
            name=name,
            accepted=row.get("accepted", 0),
            duplicates=row.get("duplicate", 0),
            late=row.get("late", 0),
            refused={outcome: row[outcome] for outcome in REFUSALS if outcome in row},
        )
        for name, row in counts.items()
    ]
    return sorted(rows, key=lambda row: -sum(row.refused.values()))
