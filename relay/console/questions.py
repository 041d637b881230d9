"""What several pages are asked in the same way: a stretch of time, and where to go on."""

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from relay.console.desk import Desk
from relay.operating.filters import moment


def _a_time(text: str) -> str:
    if text:
        moment(text, "UTC", 0)  # ValueError says what was expected
    return text


When = Annotated[str, AfterValidator(_a_time), Field(max_length=40)]  # `2h` (ago), or a time: 2024-01-20T12:40
Name = Annotated[str, Field(max_length=500)]


def _lines(value: object) -> object:
    """Each line of each text is a name; what is no text is left to be refused."""
    entries = value if isinstance(value, list) else [value]
    texts = [text for text in entries if isinstance(text, str)]
    if len(texts) < len(entries):
        return value
    return [line.strip() for text in texts for line in text.splitlines() if line.strip()]


Names = Annotated[list[Name], BeforeValidator(_lines), Field(max_length=50)]  # of a form: several lines, or fields


def seconds_of(desk: Desk, when: str) -> float | None:
    """The time that it means by the relay's zone, in seconds since the epoch; None for ''."""
    return moment(when, desk.config().timezone, desk.clock()).timestamp() if when else None
