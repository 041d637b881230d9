"""What the templates of one message see, and the layouts that it is set in. Each is made when it is first asked for."""

from collections.abc import Mapping
from typing import Any

from relay.rendering.formats.plain import Ending
from relay.rendering.inliner import inline
from relay.rendering.sandbox import Escaping
from relay.rendering.template_set import TemplateSet
from relay.rendering.text_template import Values, render_text


class MessageScope:
    """The values of one message, with the macros of its channel."""

    def __init__(
        self,
        library: TemplateSet,
        channel: str,
        message: str,
        *,
        destination: str,
        operation_type: str,
        values: Mapping[str, Any],
    ) -> None:
        self._library = library
        self._channel = channel
        self._message = message
        self._reader = destination, operation_type
        self._values = values
        self._with_macros: dict[Escaping, Values] = {}

    def values(self, escaping: Escaping) -> Values:
        """What a template gets whose texts escape in this way."""
        if escaping not in self._with_macros:
            macros = self._library.macros(escaping, self._channel, self._values)
            self._with_macros[escaping] = {**self._values, **macros}
        return self._with_macros[escaping]

    def fill_layout(self, ending: Ending, fields: Values, limit: int) -> str:
        """The layout with this ending, filled in with these fields too. TemplateError names file and line."""
        layout = self._library.layout(self._channel, self._message, ending, *self._reader)
        page = render_text(layout, {**self.values("html" if ending == "html" else "text"), **fields}, limit)
        return inline(page) if ending == "html" else page
