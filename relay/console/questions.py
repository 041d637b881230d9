"""What several pages are asked in the same way: a stretch of time, and where to go on."""

from typing import Annotated

from pydantic import AfterValidator, Field

from relay.console.desk import Desk
from relay.operating.filters import moment


def _a_time(text: str) -> str:
    if text:
        moment(text, "UTC", 0)  # ValueError says what was expected
    return text


When = Annotated[str, AfterValidator(_a_time), Field(max_length=40)]  # `2h` (ago), or a time: 2024-01-20T12:40
Name = Annotated[str, Field(max_length=500)]


def seconds_of(desk: Desk, when: str) -> float | None:
    """The time that it means by the relay's zone, in seconds since the epoch; None for ''."""
    return moment(when, desk.config().timezone, desk.clock()).timestamp() if when else None
