"""Text fields of an event, each declared once: reading, remembering and rules derive from the declaration. Pure."""

from dataclasses import dataclass
from typing import get_type_hints


@dataclass(frozen=True, slots=True)
class Declared:
    """The declaration of a field, in its type: `region: Annotated[str, Declared("region", condition="regions")]`.

    A field with a key is read from the document of the operation, and what earlier events stated is filled in.
    """

    key: str = ""  # in the document; '' for a field that is read in a way of its own
    limit: int = 128  # characters; longer text is refused
    words: tuple[str, ...] = ()  # the known ones, which are accepted in any case of letters
    condition: str = ""  # the key in a rule that asks for it; '' for none


def declared(owner: type, *, keyed: bool = False) -> dict[str, Declared]:
    """Return the declared fields of a class by name. Raises TypeError for one that is declared by halves.

    `keyed`: each is read from a document, else each is a condition alone.
    """
    marked = {}
    for name, hint in get_type_hints(owner, include_extras=True).items():
        for mark in getattr(hint, "__metadata__", ()):
            if isinstance(mark, Declared):
                if hint.__origin__ is not str or not (mark.key if keyed else mark.condition and not mark.key):
                    expected = '"its key in the document"' if keyed else 'condition="its key in rules"'
                    raise TypeError(f"{owner.__name__}.{name}: expected Annotated[str, Declared({expected}, …)]")
                marked[name] = mark
    return marked
