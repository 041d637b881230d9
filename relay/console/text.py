"""Texts of the console for its catalogues, and the sentences of relay/reasons.py in the reader's language."""

from collections.abc import Callable, Mapping

from relay.reasons import Dead, Held, Lapsed, Reason, Superseded, Waiting, sentences


def N_(text: str) -> str:  # noqa: N802 - as gettext's tools know it
    """Mark a text that is translated where it is shown: the catalogues have to have it."""
    return text


NO_PAGE = N_("This page of the list is not there; begin with its first page.")
REFUSED = N_("Nothing was done: %(fault)s")

KINDS: Mapping[str, type[Reason]] = {
    "dead": Dead, "held": Held, "superseded": Superseded, "lapsed": Lapsed, "waiting": Waiting, "parked": Waiting,
}  # fmt: skip
ADVICE: Mapping[str, str] = {
    Dead.REJECTED: N_("Mend what the answer names, such as the address or the rights of the bot, then replay it."),
    Dead.RETRIES_EXHAUSTED: N_("Replay it once the other side works again; the last answer says what was wrong."),
    Dead.PAUSED_TOO_LONG: N_("Replay it once its destination can be reached again, or drop it if it is too old."),
    Dead.CHANNEL_REMOVED: N_("Configure its channel again and replay it, or drop it."),
    Dead.OUTCOME_UNKNOWN: N_("Look there whether it has arrived: drop it if it has, replay it if it has not."),
    Dead.WORKER_CRASHED: N_("Report it to whoever maintains relay; replay it after an update, or drop it."),
    Dead.UNREADABLE: N_("Replay it once relay is updated."),
    Dead.DESTINATION_REMOVED: N_("Configure its destination again and replay it, or drop it."),
    Dead.EXPIRED: N_("There is nothing left that it could tell: drop it."),
}


def why(code: str, kind: str, address: str = "", *, translate: Callable[[str], str] = str) -> str:
    """Return the sentence of a reason of this kind; the code itself where it is another release's."""
    sentence = sentences(KINDS[kind]).get(code) if kind in KINDS else None
    return translate(sentence).replace("{address}", address) if sentence else code


def advice(code: str, *, translate: Callable[[str], str] = str) -> str:
    """Return what to do with a dead letter of this reason."""
    return translate(ADVICE[code]) if code in ADVICE else ""
