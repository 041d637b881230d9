"""What stands in the way, in words: what it is, what to do about it, and the page where that is done."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import urlencode

from relay.console.phrases import Phrase, phrase
from relay.console.times import moment
from relay.console.view import Facts
from relay.console.views.parts import REFUSED as REFUSED_FOR
from relay.console.words import said
from relay.policy.notices import DEAD, REFUSED, STORE, Trouble, Troubles
from relay.policy.reachability import States
from relay.reasons import Dead, sentences

CONSOLE = "/console"


class Obstacle(Facts):
    """`name` is that of the check in `/readyz?verbose`, or of the trouble that operators were told of; `part` is what
    it is about, in words. `why` goes on behind the sentence, null where that says it all.
    """

    name: str
    part: Phrase
    sentence: Phrase
    why: Phrase | None = None
    since: datetime | None
    advice: Phrase | None
    page: str  # where it is explained or mended, '' for none


# By the first word of a check's name: what to do, and the page for it.
CHECKS: Mapping[str, tuple[str, str]] = {
    "redis": (said("Senders are answered 503 and try again. See that Redis runs and can be reached."), ""),
    "durability": (said("Mend Redis's persistence or replicas, or ask for less with redis.durability."), ""),
    "memory": (said("Give Redis more memory, or let what waits go out first."), "/deliveries?state=waiting"),
    "partitions": (said("Bring the nodes back; what lives there waits meanwhile."), ""),
    "data": (said("Find out who deleted it; a reload of the configuration ends this notice."), "/audit"),
    "scheduler": (said("Start a process that delivers: without it nobody hears of stalled runs or digests."), ""),
    "tick": (said("The log says more; it is tried again with the next tick."), ""),
    "quarantine": (said("Look at what failed; replay it once relay is mended."), "/quarantine"),
    "letters": (said("The log names each (letter.unreadable)."), ""),
    "channel": (said("What is for it waits and goes out once it works again."), "/destinations"),
    "destination": (said("What is for it waits and goes out once it works again."), "/destination"),
    "limit": (said("What is for it waits and goes out once the limit has room again."), "/destinations"),
    "template": (said("Mend the template; until then relay's own wording is sent."), "/templates"),
}  # fmt: skip

# By the same word: the part of relay that it is about, where its name does not say it.
PARTS: Mapping[str, str] = {
    "channel": said("channel %(name)s"),
    "destination": said("destination %(name)s"),
    "limit": said("limit of %(name)s"),
    "tick": said("task %(name)s"),
    "data": said("relay's data"),
    "letters": said("letters between nodes"),
    "ledger": said("ledger"),
    "redis": "Redis",
    DEAD: said("dead letters"),
    REFUSED: said("source %(name)s"),
    "template": said("template %(name)s"),
    STORE: "Redis",
}
RESUMED = said("What is for it waits until somebody resumes it, or the pause ends.")

TROUBLES: Mapping[str, tuple[str, str, str]] = {
    DEAD: (
        said("%(count)s messages became dead letters"),
        said("Look at them; replay them once the cause is mended."),
        "/dead",
    ),
    REFUSED: (
        said("%(count)s of %(total)s requests of source %(name)s were refused, mostly"),
        said("See why, and what the sender has to change."),
        "/source",
    ),
    STORE: (said("The store"), said("See what Redis says, and its log."), ""),
}
OF_ONE: Mapping[str, str] = {DEAD: said("1 message became a dead letter")}
CODES: Mapping[str, Mapping[str, str]] = {
    DEAD: sentences(Dead),
    REFUSED: REFUSED_FOR,
}  # else the reason is a text itself


def obstacles(checks: Mapping[str, str], states: States, remembered: str = "", imbalance: int = 0) -> list[Obstacle]:
    """Return what fails, what else the checks say, and the remembered troubles that no check says already."""
    failing = {scope: state for scope, state in states.items() if state.fails}
    shown = [_of_check(scope, state.cause, state.since) for scope, state in failing.items()]
    shown += [_of_check(name, text, None) for name, text in checks.items() if name not in failing]
    shown += [_of_trouble(row) for row in _open(remembered) if row.cause.kind in TROUBLES]
    if imbalance:
        sentence = phrase(said("The ledger does not add up: %(count)s deliveries are unaccounted for"), count=imbalance)
        advice = phrase(said("That is a fault of relay: please report it with the log."))
        shown.append(
            Obstacle(name="ledger", part=_part("ledger"), sentence=sentence, since=None, advice=advice, page="")
        )
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
    return Obstacle(
        name=name,
        part=_part(kind, rest.replace("/", ", ", 1).replace(":", " ")),
        sentence=phrase("%(text)s", text=text),
        since=moment(since),
        advice=phrase(advice) if advice else None,
        page=f"{CONSOLE}{page}" if page else "",
    )


def _of_trouble(row: Trouble) -> Obstacle:
    cause = row.cause
    several, advice, page = TROUBLES[cause.kind]
    wording = OF_ONE.get(cause.kind, several) if cause.count == 1 else several
    if cause.kind == REFUSED:
        page += f"?{urlencode({'name': cause.name})}"
    why = CODES.get(cause.kind, {}).get(cause.reason)
    return Obstacle(
        name=cause.key.rstrip(":"),
        part=_part(cause.kind, cause.name),
        sentence=phrase(wording, count=cause.count, total=cause.total, name=cause.name),
        why=phrase(why) if why else phrase("%(text)s", text=cause.reason) if cause.reason else None,
        since=moment(cause.since),
        advice=phrase(advice),
        page=f"{CONSOLE}{page}" if page else "",
    )


def _part(kind: str, name: str = "") -> Phrase:
    if kind not in PARTS:
        return phrase("%(name)s", name=f"{kind} {name}".strip())
    return phrase(PARTS[kind], name=name)
