"""What a channel's messages look like: one format each, and the table that is the only place here to know them all.

A channel that is not in it sends plain text. Adding one is a file here and a line in `FORMATS`
(docs/adding-a-channel.md).
"""

from collections.abc import Mapping
from typing import ClassVar, Protocol

from relay.domain.deliveries import Kind
from relay.domain.links import LinkHosts
from relay.rendering.autoescape import Escaping
from relay.rendering.formats.email import EmailFormat
from relay.rendering.formats.plain import Content, FillLayout, PlainFormat
from relay.rendering.formats.slack import SlackFormat

__all__ = ["FORMATS", "Format", "PlainFormat", "format_of"]


class Format(Protocol):
    """What the rendering needs to know of a channel. Holds no state."""

    escaping: ClassVar[Escaping]
    """How its texts make harmless what events say."""
    required: ClassVar[Mapping[str, str]]
    """The fields that every message needs, each with the reason that its author is told."""
    kinds: ClassVar[tuple[Kind, ...]]
    """The kinds of messages that it has for single events."""

    def unlinked(self, content: Content, hosts: LinkHosts) -> Content:
        """What a message's template says, without the addresses in its texts that its readers' program would make links
        of though they lead elsewhere."""
        ...

    def finish(self, content: Content, fill_layout: FillLayout) -> Content:
        """What the channel sends, made of what the message's template says: set in its layouts, within its limits.

        AttributeError, LookupError, TypeError or ValueError where a field has another shape than it has here.
        """
        ...

    def fallback(self, text: str, language: str) -> Content:
        """A message without any template, from one line of plain text."""
        ...

    def marked(self, content: Content, mark: str, note: str) -> Content:
        """The finished message, told to be something else than it looks like: by the mark where there is room for a
        word, by the note where there is room for a sentence, before everything else."""
        ...

    def footnote(self, content: Content, note: str) -> Content:
        """The finished message with a note at its foot."""
        ...


FORMATS: Mapping[str, Format] = {"slack": SlackFormat(), "email": EmailFormat()}

_PLAIN = PlainFormat()


def format_of(channel: str) -> Format:
    """The channel's format; plain text if it has none of its own."""
    return FORMATS.get(channel, _PLAIN)
