"""The sentences of `relay.reasons` in the reader's language, and what can be done about each."""

from collections.abc import Callable, Mapping

from relay.console.words import said
from relay.reasons import Dead, Held, Lapsed, Reason, Superseded, Waiting, sentences

KINDS: Mapping[str, type[Reason]] = {
    "dead": Dead,
    "held": Held,
    "superseded": Superseded,
    "lapsed": Lapsed,
    "waiting": Waiting,
    "parked": Waiting,
}

ADVICE: Mapping[str, str] = {
    Dead.REJECTED: said("Mend what the answer names, such as the address or the rights of the bot, then replay it."),
    Dead.RETRIES_EXHAUSTED: said("Replay it once the other side works again; the last answer says what was wrong."),
    Dead.PAUSED_TOO_LONG: said("Replay it once its destination can be reached again, or drop it if it is too old."),
    Dead.CHANNEL_REMOVED: said("Configure its channel again and replay it, or drop it."),
    Dead.OUTCOME_UNKNOWN: said("Look there whether it has arrived: drop it if it has, replay it if it has not."),
    Dead.WORKER_CRASHED: said("Report it to whoever maintains relay; replay it after an update, or drop it."),
    Dead.UNREADABLE: said("Replay it once relay is updated."),
    Dead.DESTINATION_REMOVED: said("Configure its destination again and replay it, or drop it."),
    Dead.EXPIRED: said("There is nothing left that it could tell: drop it."),
}


def why(code: str, kind: str, address: str = "", *, translate: Callable[[str], str] = str) -> str:
    """The sentence of a reason of this kind; the code itself where it is another release's."""
    sentence = sentences(KINDS[kind]).get(code) if kind in KINDS else None
    return translate(sentence).replace("{address}", address) if sentence else code


def advice(code: str, *, translate: Callable[[str], str] = str) -> str:
    """What to do with a dead letter of this reason."""
    return translate(ADVICE[code]) if code in ADVICE else ""
