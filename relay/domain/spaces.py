"""Name spaces of ids: platforms, their tenants and projects may use the same ids. Pure.

A document that states less than all three means the only operation that fits; where two fit, it means none.
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
        """Return whether all parts that both state are equal."""
        return all(not mine or not theirs or mine == theirs for mine, theirs in zip(self, other, strict=True))

    def filled(self, other: "Space") -> "Space":
        """Fill in what the other states where this one does not."""
        return Space(self.platform or other.platform, self.tenant or other.tenant, self.project or other.project)

    def __str__(self) -> str:
        """Write it as the options of a command."""
        stated = {name: getattr(self, name) for name in ("platform", "tenant", "project")}
        return " ".join(f"--{name} {value}" for name, value in stated.items() if value) or "no tenant or project stated"


NOWHERE = Space()  # states nothing


def placed(event: Event, spaces: Mapping[str, str]) -> Event:
    """Set the name spaces of the event's ids, as the store keeps them: '' for the first that used an id."""
    return replace(event, spaces={**event.spaces, **{id_: space for id_, space in spaces.items() if space}})
