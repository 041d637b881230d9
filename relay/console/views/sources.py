"""The sources: how each signs, and the requests since this process began."""

from collections.abc import Mapping
from urllib.parse import urlencode

from pydantic import Field

from relay.background.self_monitor import request_counts
from relay.console.context import Context
from relay.console.facts import Facts, Near, Question, Unknown, phrase
from relay.console.text import N_

# By the outcome under which requests that were refused are counted (relay_events_total).
REFUSED: Mapping[str, str] = {
    "malformed": N_("body is not JSON"), "unsigned": N_("signature missing, wrong or too old"),
    "too_slow": N_("body too slow"), "too_large": N_("body larger than server.max_body"),
    "unsupported": N_("content type or encoding that relay does not read"),
    "invalid": N_("no event that relay takes from it"), "rate_limited": N_("more than the source may send"),
    "unavailable": N_("could not be made durable"), "fault": N_("relay itself failed"),
    "wrong_method": N_("no POST"),
}  # fmt: skip


class SourceQuestion(Question):
    """The name of a source."""

    name: str = Field(min_length=1, max_length=200)


class SourceHealth(Facts):
    """Requests of a source since this process began; those that were `refused` by outcome."""

    name: str
    accepted: int = 0
    duplicates: int = 0
    late: int = 0
    refused: dict[str, int] = Field(default_factory=dict)

    @property
    def reasons(self) -> list[tuple[str, int]]:
        """Return the outcomes in words."""
        return [(REFUSED.get(outcome, outcome), count) for outcome, count in self.refused.items()]


class SourceFacts(SourceHealth):
    """With how it signs, and what its events are."""

    scheme: str
    platform: str
    event: str


async def source(context: Context, question: SourceQuestion) -> SourceFacts:
    name, configured = question.name, context.config().sources
    if name not in configured:
        near = [source_link(other, "%(name)s") for other in configured]
        raise Unknown(N_("There is no source %(name)s."), near=near, name=name)
    its = configured[name]
    requests = next(row for row in sources(context) if row.name == name)
    return SourceFacts.merged(its, requests, scheme=its.signature.scheme)


def source_link(name: str, sentence: str) -> Near:
    return Near(page=f"/console/source?{urlencode({'name': name})}", text=phrase(sentence, name=name))


def sources(context: Context) -> list[SourceHealth]:
    """Return the configured sources, those of which most was refused first."""
    counts: dict[str, dict[str, int]] = {name: {} for name in context.config().sources}
    for (source, outcome), count in request_counts().items():
        if count and source in counts:
            counts[source][outcome] = int(count)
    rows = [
        SourceHealth(
            name=name,
            accepted=row.get("accepted", 0),
            duplicates=row.get("duplicate", 0),
            late=row.get("late", 0),
            refused={outcome: row[outcome] for outcome in REFUSED if outcome in row},
        )
        for name, row in counts.items()
    ]
    return sorted(rows, key=lambda row: -sum(row.refused.values()))
