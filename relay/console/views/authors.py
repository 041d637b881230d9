"""Questions that both pages of templates share. A name that does not exist leads to those near it."""

import asyncio
from collections.abc import Iterable
from difflib import get_close_matches

from relay.authoring.studio import Choice, Studio
from relay.channels import CHANNELS
from relay.console.view import Facts, Near, Unknown
from relay.console.words import said
from relay.rendering import Renderer

MOST_NEAR = 5


class FindingFacts(Facts):
    """A finding of lint. `line` is null where it is of the whole file, `file` empty where it is of none."""

    file: str
    line: int | None
    message: str


def findings_in(studio: Studio, files: Iterable[str] | None = None) -> list[FindingFacts]:
    """Return the findings in these files, or all."""
    some = None if files is None else set(files)
    return [
        FindingFacts(file=row.file, line=row.line, message=row.message)
        for row in studio.findings or ()
        if some is None or row.file in some
    ]


def channels_of(studio: Studio) -> list[str]:
    """Return the channels of relay, then others that there are templates for."""
    own = studio.renderer.library.channels if studio.renderer else ()
    return list(dict.fromkeys([*CHANNELS, *own]))


def renderer_of(studio: Studio) -> Renderer | None:
    return studio.renderer


async def chosen(studio: Studio, name: str = "", *, fixture: str = "typical", **query: str) -> Choice:
    """Return what an address asks for. Unknown where it names what does not exist."""
    messages = await asyncio.to_thread(studio.messages, fixture)
    _known(said("There is no destination %(name)s."), query.get("destination", ""), studio.workspace.destinations)
    _known(said("There are no messages in %(name)s."), query.get("language", ""), studio.languages, "language")
    if name and name not in messages:
        near = get_close_matches(name, messages, MOST_NEAR, 0.4) or [*messages][:MOST_NEAR]
        links = [Near(f"/console/template?name={other}", "%(name)s", {"name": other}) for other in near]
        raise Unknown(said("relay has no message %(name)s."), near=links, name=name)
    return studio.choice(name or next(iter(messages)), fixture=fixture, **query)


def channel_of(studio: Studio, channel: str, destination: str) -> str:
    """Return the one that is asked for, else that of the destination; '' for all."""
    _known(said("There are no messages for %(name)s."), channel, channels_of(studio), "channel")
    return channel or (studio.workspace.destinations[destination].channel if destination else "")


def _known(text: str, name: str, names: Iterable[str], field: str = "destination") -> None:
    names = [*names]
    if name and name not in names:
        near = get_close_matches(name, names, MOST_NEAR, 0.4) or names[:MOST_NEAR]
        links = [Near(f"/console/templates?{field}={other}", "%(name)s", {"name": other}) for other in near]
        raise Unknown(text, near=links, name=name)
