"""What the templates of one message can say: the names, what they hold here, and what they are."""

from collections.abc import Mapping

from pydantic import Field

from relay.authoring.studio import Choice, Studio
from relay.authoring.variables import DEPTH, paths, shown, type_of
from relay.console.phrases import Phrase, phrase
from relay.console.view import Facts
from relay.console.words import said

MEANINGS: Mapping[str, str] = {
    "op": said("The operation: names, state, progress, phases, times, cost, and every field of its documents."),
    "batch": said("The batch, and each of its operations."),
    "results": said("What the run found, in figures."),
    "artifacts": said("The files that the run made."),
    "recommendations": said("What the results recommend."),
    "error": said("Why it failed."),
    "cancellation": said("Who ended it, why, and what is kept of it."),
    "stalled": said("The watchdog's alarm: which rule, since when, and how long."),
    "recovered": said("The alarm that is over."),
    "trouble": said("What relay tells its operators of itself."),
    "phase": said("The phase that is complete."),
    "job": said("Whether this is usual, by the runs of the same job before."),
    "event": said("The event itself: its name, its times, and whose it is."),
    "links": said("Addresses that a person can open; empty where there is none."),
    "digest": said("What digests and round-ups list."),
    "brand": said("Name, logo and colours of the configuration."),
    "action": said("What somebody did by a button."),
    "now": said("The time at which the message is made."),
}
OTHER = said("A field of this event.")
TYPES = said("text"), said("number"), said("yes or no"), said("time"), said("list"), said("object")


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
    """Every name that is always there, and those that this event brings along; none while the files have a fault."""
    if studio.renderer is None:
        return []
    here = dict(paths(studio.values(choice), "", DEPTH))
    listed = {variable.path: variable for variable in studio.variables()}
    groups: dict[str, list[VariableFacts]] = {}
    for path in sorted({*here, *listed}):
        variable, value = listed.get(path), here.get(path)
        groups.setdefault(path.partition(".")[0].removesuffix("[]"), []).append(
            VariableFacts(
                path=path,
                type=variable.type if variable else type_of(value),
                optional=variable.optional if variable else True,
                value=shown(value),
                words=_words(value),
            )
        )
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
        return phrase(said("yes") if value else said("no"))
    return phrase(said("%(count)s of them"), count=len(value)) if isinstance(value, list) and value else None
