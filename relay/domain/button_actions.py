"""People who press buttons: the ids in the signed press, and the person found by them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Presser:
    """Ids of the person, the workspace and the app, as signed."""

    user: str
    teams: frozenset[str] = frozenset()  # the workspaces, or the organisation, that the press names
    app: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """Person who may press. `name` is for people to read, and decides nothing."""

    id: str
    name: str
