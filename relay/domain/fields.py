"""Declarations of events' fields, in their types, and classes whose objects never change. Pure."""

from dataclasses import dataclass, field
from typing import Any, dataclass_transform, get_type_hints


@dataclass(frozen=True, slots=True)
class Declared:
    """The declaration of a field, in its type: `region: Annotated[str, Declared("region", condition="regions")]`."""

    key: str = ""  # in the operation's document, or in that of an earlier event; '': it is read in a way of its own
    limit: int = 128  # characters; longer text is refused
    words: tuple[str, ...] = ()  # the known ones, which are accepted in any case of letters
    condition: str = ""  # the key in a rule that asks for it; '' for none
    labels: bool = False  # it holds labels (relay/domain/labels.py), and rules ask for each by its name


def declared(owner: type, *, keyed: bool = False) -> dict[str, Declared]:
    """Return the declared fields of a class by name: with a key each (`keyed`), or conditions alone. TypeError."""
    marked = {}
    for name, hint in get_type_hints(owner, include_extras=True).items():
        for mark in getattr(hint, "__metadata__", ()):
            if isinstance(mark, Declared):
                if hint.__origin__ is not str or not (mark.key if keyed else mark.condition and not mark.key):
                    expected = '"its key in the document"' if keyed else 'condition="its key in rules"'
                    raise TypeError(f"{owner.__name__}.{name}: expected Annotated[str, Declared({expected}, …)]")
                marked[name] = mark
    return marked


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def immutable(cls: type[Any]) -> Any:
    """Make a dataclass that the type check keeps from changes: a guard at run time quadruples the cost of an event."""
    return dataclass(slots=True, unsafe_hash=True)(cls)
