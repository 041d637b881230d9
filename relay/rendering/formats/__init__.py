"""The table of formats, the only place in rendering that knows all channels. Adding one is a file and a line here."""

from collections.abc import Mapping

from relay.rendering.formats.email import EmailFormat
from relay.rendering.formats.plain import PlainFormat
from relay.rendering.formats.slack import SlackFormat

FORMATS: Mapping[str, PlainFormat] = {"slack": SlackFormat(), "email": EmailFormat()}

_PLAIN = PlainFormat()


def format_of(channel: str) -> PlainFormat:
    """Return the channel's format; plain text if it has none of its own."""
    return FORMATS.get(channel, _PLAIN)
