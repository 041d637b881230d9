"""Whose messages these are, as templates see it. Of a sender who has no brand the mails are relay's own."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from relay.domain.display import seen_on, text_on
from relay.rendering.texts import line

# The button of a mail: its colour and that of its text, where the reader's scheme is light and where it is dark.
OWN_COLOURS = {"color": "#0B5CAD", "text_color": "#FFFFFF", "dark_color": "#6CB6FF", "dark_text_color": "#0D1117"}
DARK_CARD = "#1B1F24"


@dataclass(frozen=True)
class Brand:
    """What the configuration says of it (relay.config.brand)."""

    name: str = ""
    logo: str = ""
    url: str = ""
    color: str = ""
    footer: str = ""
    subject_prefix: str = ""

    @cached_property
    def values(self) -> Mapping[str, str]:
        """`brand` in templates; its colours are always there."""
        return {**asdict(self), **(_colours(self.color) if self.color else OWN_COLOURS)}

    def on_subject(self, content: dict[str, Any]) -> dict[str, Any]:
        """The content of a mail with the prefix before its subject."""
        subject = content.get("subject")
        if not self.subject_prefix or not isinstance(subject, str):
            return content
        return content | {"subject": f"{line(self.subject_prefix)} {subject}"}


NO_BRAND = Brand()


def _colours(color: str) -> dict[str, str]:
    dark = seen_on(DARK_CARD, color)
    return {"color": color, "text_color": text_on(color), "dark_color": dark, "dark_text_color": text_on(dark)}
