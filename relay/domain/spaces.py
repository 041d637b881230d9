"""Whose an id is: platforms, their tenants and projects may use the same ones. Pure.

What states less than all three means the only operation that it can mean; where it could mean two, it means none.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from relay.domain.events import Event


class Space(NamedTuple):
    """A platform, tenant and project, each as far as it is stated."""

    platform: str = ""
    tenant: str = ""
    project: str = ""

    @classmethod
    def of(cls, facts: Mapping[str, str]) -> "Space":
        return cls(facts.get("platform", ""), facts.get("tenant", ""), facts.get("project", ""))

    @classmethod
    def of_event(cls, event: Event) -> "Space":
        return cls(event.platform, event.tenant, event.project)

    @classmethod
    def load(cls, text: str) -> "Space":
        return cls(*json.loads(text))

    def dump(self) -> str:
        return json.dumps(self, ensure_ascii=False, separators=(",", ":"))

    def may_be(self, other: "Space") -> bool:
        """Whether nothing that both state differs."""
        return all(not own or not theirs or own == theirs for own, theirs in zip(self, other, strict=True))

    def filled(self, other: "Space") -> "Space":
        """With what the other states where this one is silent."""
        return Space(self.platform or other.platform, self.tenant or other.tenant, self.project or other.project)

    def __str__(self) -> str:
        """As the options of a command say it."""
        stated = {name: getattr(self, name) for name in ("platform", "tenant", "project")}
        return " ".join(f"--{name} {value}" for name, value in stated.items() if value) or "no tenant or project stated"


NOWHERE = Space()  # nothing is said of whose an id is


def placed(event: Event, spaces: Mapping[str, str]) -> Event:
    """The event with the name spaces of its ids, as the store keeps them: '' for the first that used an id."""
    return replace(event, spaces={**event.spaces, **{id_: space for id_, space in spaces.items() if space}})
