"""What several pages and forms are asked in the same way: times, names, and what a silence is of."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from relay.console.asking import LONGEST_ADDRESS
from relay.console.desk import Desk
from relay.operating.filters import moment


def _a_time(text: str) -> str:
    if text:
        moment(text, "UTC", 0)  # ValueError says what was expected
    return text


When = Annotated[str, AfterValidator(_a_time), Field(max_length=40)]  # `2h` (ago), or a time: 2024-01-20T12:40
Name = Annotated[str, Field(max_length=500)]
# What somebody typed into a form: the page shows it again also where it was refused.
Typed = Annotated[str, Field(max_length=LONGEST_ADDRESS)]


def _lines(value: object) -> object:
    """Each line of each text is a name; what is no text is left to be refused."""
    entries = value if isinstance(value, list) else [value]
    texts = [text for text in entries if isinstance(text, str)]
    if len(texts) < len(entries):
        return value
    return [line.strip() for text in texts for line in text.splitlines() if line.strip()]


# Of a form: several lines, or fields. How many there may be, and how long each, is for the silence to say.
Names = Annotated[list[Typed], BeforeValidator(_lines), Field(max_length=LONGEST_ADDRESS)]


class Silenced(BaseModel):
    """What a silence is of, as its form says it: all that is named must hold, any one word of each; or `everything`."""

    destination: Names = Field(default_factory=list)
    job: Names = Field(default_factory=list)
    type: Names = Field(default_factory=list)
    priority: Names = Field(default_factory=list)
    tenant: Names = Field(default_factory=list)
    project: Names = Field(default_factory=list)
    everything: bool = False


def seconds_of(desk: Desk, when: str) -> float | None:
    """The time that it means by the relay's zone, in seconds since the epoch; None for ''."""
    return moment(when, desk.config().timezone, desk.clock()).timestamp() if when else None
