"""Variables of the templates of one message: the names, their values here, and their meaning."""

from collections.abc import Mapping

from pydantic import Field

from relay.authoring.studio import Choice, Studio
from relay.authoring.variables import DEPTH, paths, shown, type_of
from relay.console.facts import Facts, Phrase, phrase
from relay.console.text import N_

MEANINGS: Mapping[str, str] = {
    "op": N_("The operation: names, state, progress, phases, times, cost, and every field of its documents."),
    "batch": N_("The batch, and each of its operations."),
    "results": N_("What the run found, in figures."),
    "artifacts": N_("The files that the run made."),
    "recommendations": N_("What the results recommend."),
    "error": N_("Why it failed."),
    "cancellation": N_("Who ended it, why, and what is kept of it."),
    "stalled": N_("The watchdog's alarm: which rule, since when, and how long."),
    "recovered": N_("The alarm that is over."),
    "trouble": N_("What relay tells its operators of itself."),
    "phase": N_("The phase that is complete."),
    "job": N_("Whether this is usual, by the runs of the same job before."),
    "event": N_("The event itself: its name, its times, and whose it is."),
    "links": N_("Addresses that a person can open; empty where there is none."),
    "digest": N_("What digests and round-ups list."),
    "brand": N_("Name, logo and colours of the configuration."),
    "action": N_("What somebody did by a button."),
    "now": N_("The time at which the message is made."),
}
OTHER = N_("A field of this event.")
TYPES = N_("text"), N_("number"), N_("yes or no"), N_("time"), N_("list"), N_("object")


class VariableFacts(Facts):
    """`optional`: an event may leave it out, and it is empty then. `value` is what it has here, as text."""

    path: str
    type: str
    optional: bool
    value: str
    words: Phrase | None = Field(exclude=True)  # as a page says the value, where that depends on the language


class VariableGroup(Facts):
    """All below one name, those that have a value here first."""

    name: str
    meaning: Phrase
    filled: int
    rows: list[VariableFacts]


def groups_of(studio: Studio, choice: Choice) -> list[VariableGroup]:
    """Return every name that is always there, and those that this event brings along; none while the files have a
    fault.
    """
    if studio.renderer is None:
        return []
    here = dict(paths(studio.values(choice), "", DEPTH))
    listed = {variable.path: variable for variable in studio.variables()}
    groups: dict[str, list[VariableFacts]] = {}
    for path in sorted({*here, *listed}):
        variable, value = listed.get(path), here.get(path)
        type_, optional = (variable.type, variable.optional) if variable else (type_of(value), True)
        row = VariableFacts(path=path, type=type_, optional=optional, value=shown(value), words=_words(value))
        groups.setdefault(path.partition(".")[0].removesuffix("[]"), []).append(row)
    return [
        VariableGroup(
            name=name,
            meaning=phrase(MEANINGS.get(name, OTHER)),
            filled=sum(bool(row.value) for row in rows),
            rows=sorted(rows, key=lambda row: not row.value),
        )
        for name, rows in groups.items()
    ]


def _words(value: object) -> Phrase | None:
    if isinstance(value, bool):
        return phrase(N_("yes") if value else N_("no"))
    return phrase(N_("%(count)s of them"), count=len(value)) if isinstance(value, list) and value else None
