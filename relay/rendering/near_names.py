"""The name that somebody meant who wrote one that means nothing."""

from collections.abc import Collection, Iterable
from difflib import get_close_matches

ALIKE = 0.6  # what is worth a question
SURE = 0.8  # what is hardly anything else, where any name may be right


def nearest(name: str, names: Iterable[str], cutoff: float = ALIKE) -> str:
    """The most similar of these names; empty if none is. Two letters that changed places are similar enough."""
    spellings = [*names]
    near = get_close_matches(name, spellings, 1, cutoff) or [other for other in spellings if _swapped(name, other)]
    return next(iter(near), "")


def unknown(name: str, names: Collection[str], before: str = "") -> str:
    """What an author is told of it."""
    near = nearest(name, names)
    hint = f"did you mean {before}{near}?" if near else "`relay template vars` lists what there is"
    return f"{before}{name} is unknown; {hint}"


def _swapped(name: str, other: str) -> bool:
    differing = [number for number, pair in enumerate(zip(name, other, strict=False)) if pair[0] != pair[1]]
    if len(name) != len(other) or len(differing) != 2 or differing[1] - differing[0] != 1:
        return False
    first, second = differing
    return name[first] == other[second] and name[second] == other[first]
