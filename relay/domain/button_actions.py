"""Who presses a button: as the press says, and as the person they turn out to be."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Presser:
    """Who pressed and where, as it was signed: ids alone."""

    user: str
    teams: frozenset[str] = frozenset()  # the workspaces, or the organisation, that the press names
    app: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may. `name` is for people to read, and decides nothing."""

    id: str
    name: str
