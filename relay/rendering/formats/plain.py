"""Formats: what rendering needs to know of a channel. This one is of a channel that brings none: plain text."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

from relay.domain.deliveries import Kind
from relay.domain.links import LinkHosts
from relay.rendering.autoescape import Escaping

Content = dict[str, Any]
Ending = Literal["html", "txt"]
FillLayout = Callable[[Ending, Mapping[str, Any]], str]
"""Fills in a channel's layout with this ending. In HTML the styles are in the elements. TemplateError if it fails."""


class PlainFormat:
    """Format of plain text, as its templates write it; a channel's own overrides what is different there. No state."""

    escaping: ClassVar[Escaping] = "text"
    required: ClassVar[Mapping[str, str]] = {}
    """The fields that every message needs, each with the reason that its author gets."""
    kinds: ClassVar[tuple[Kind, ...]] = ("each", "live", "reply")
    """The kinds of messages that it has for single events."""

    def unlinked(self, content: Content, hosts: LinkHosts) -> Content:  # noqa: ARG002 - for those whose readers' do
        """Break addresses in texts that its readers' program would make links of though they lead to other hosts."""
        return content

    def finish(self, content: Content, fill_layout: FillLayout) -> Content:  # noqa: ARG002 - plain text has no layout
        """Make what the channel sends of what the template says. Raises where a field has another shape."""
        return content

    def fallback(self, text: str, language: str) -> Content:  # noqa: ARG002 - for those that name it
        """Make a message without any template, of one line of plain text."""
        return {"text": text}

    def marked(self, content: Content, mark: str, note: str) -> Content:
        """Mark the finished message as something else than it looks like: by a word and by a sentence at its top."""
        return content | ({"text": f"{mark}: {content['text']}\n{note}"} if "text" in content else {})

    def footnote(self, content: Content, note: str) -> Content:
        """Put a note at the foot of the finished message."""
        return content | ({"text": f"{content['text']}\n{note}"} if "text" in content else {})
