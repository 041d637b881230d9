"""One source: how it signs, and what became of its requests."""

from urllib.parse import urlencode

from pydantic import Field

from relay.console.desk import Desk
from relay.console.view import Facts, Near, Question, Unknown
from relay.console.views.parts import SourceHealth, sources
from relay.console.words import said


class SourceQuestion(Question):
    """The name of a source."""

    name: str = Field(min_length=1, max_length=200)


class SourceFacts(Facts):
    """`requests` are counted since this process began."""

    name: str
    scheme: str
    platform: str
    event: str
    requests: SourceHealth


async def source(desk: Desk, question: SourceQuestion) -> SourceFacts:
    name, configured = question.name, desk.config().sources
    if name not in configured:
        near = [
            Near(f"/console/source?{urlencode({'name': other})}", "%(name)s", {"name": other}) for other in configured
        ]
        raise Unknown(said("There is no source %(name)s."), near=near, name=name)
    its = configured[name]
    requests = next(row for row in sources(desk) if row.name == name)
    return SourceFacts(
        name=name, scheme=its.signature.scheme, platform=its.platform, event=its.event, requests=requests
    )
