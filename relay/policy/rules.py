"""Rules: conditions on events, and the destinations that events reach when all conditions hold."""

from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from relay.configfile.validation import Duration, Section, Texts, known_name, one_or_more, spelled
from relay.domain.deliveries import Gate
from relay.domain.event_patterns import PATTERN
from relay.domain.events import PRIORITIES, STATUSES

Some = Annotated[Texts, Field(min_length=1)]
Pattern = Annotated[str, spelled(PATTERN, "an event's name, with * for any part of it")]


class Rule(Section):
    """Conditions on an event, all of which must hold, and the destinations that then hear of it.

    What is left out is no condition. The API's own spellings (`operationTypes`) are accepted too.
    """

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    name: Annotated[str, Field(min_length=1, max_length=100)]
    sources: Some = ()
    tenants: Some = ()
    projects: Some = ()
    events: Annotated[tuple[Pattern, ...], one_or_more, Field(min_length=1)] = ("*",)
    operation_types: Some = ()
    priorities: Annotated[tuple[Annotated[str, known_name(PRIORITIES, "priority")], ...], one_or_more] = ()
    statuses: Annotated[tuple[Annotated[str, known_name(STATUSES, "status")], ...], one_or_more] = ()
    min_progress_increment: Annotated[float, Field(ge=0, le=100)] = 0.0  # percentage points; for progress alone
    min_interval: Annotated[Duration, Field(le=604_800)] = 0.0  # for progress alone
    notify: Some

    @property
    def gate(self) -> Gate | None:
        """What progress must do to pass; None if all of it passes."""
        if not (self.min_progress_increment or self.min_interval):
            return None
        return Gate(self.min_progress_increment, self.min_interval)
