"""Models of questions, forms and answers of pages and /api/v1."""

from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Self, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from relay.errors import RelayError
from relay.operating.clocks import moment
from relay.operating.sentences import WHY

LONGEST_ADDRESS = 6000  # characters; aiohttp takes 8190, and browsers more
Page = TypeVar("Page")
BESIDES = ("cursor", "verb", "id", "every", "before")  # fields that are no filters


def time_of(at: object) -> object:
    """Return a time of the store (seconds since the epoch) in UTC; None for none, and for what no calendar has."""
    if not at:
        return None
    try:
        return datetime.fromtimestamp(at, UTC) if isinstance(at, int | float) else at
    except (ValueError, OverflowError, OSError):
        return None


def _checked(text: str) -> str:
    if text:
        moment(text, "UTC", 0)  # ValueError says what was expected
    return text


def _lines(value: object) -> object:
    """Return each line of each text as a name; what is no text is left to be refused."""
    entries = value if isinstance(value, list) else [value]
    texts = [text for text in entries if isinstance(text, str)]
    if len(texts) < len(entries):
        return value
    return [line.strip() for text in texts for line in text.splitlines() if line.strip()]


Time = Annotated[datetime | None, BeforeValidator(time_of)]
When = Annotated[str, AfterValidator(_checked), Field(max_length=40)]  # `2h` (ago), or a time: 2024-01-20T12:40
Name = Annotated[str, Field(max_length=500)]
Ids = Annotated[list[Name], BeforeValidator(_lines), Field(max_length=500)]
# Typed into a form: the page shows it again also where it was refused.
Typed = Annotated[str, Field(max_length=LONGEST_ADDRESS)]
# Several lines, or fields. How many there may be, and how long each, is for the silence to say.
Names = Annotated[list[Typed], BeforeValidator(_lines), Field(max_length=LONGEST_ADDRESS)]


class Facts(BaseModel):
    """Facts that a page shows, and that `/api/v1` gives as JSON. Times are in UTC."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    @classmethod
    def merged(cls, *parts: object, **more: Any) -> Self:
        """Return facts with what these objects have under the same names; `more` goes before that."""
        same = {name: getattr(part, name) for part in parts for name in cls.model_fields if hasattr(part, name)}
        return cls(**(same | more))


class OfOperation(Facts):
    """Facts about an operation: the id that people know, its name, and whose it is."""

    operation: str
    name: str = ""
    tenant: str = ""
    project: str = ""
    platform: str = ""


class Question(BaseModel):
    """Parts of an address's path and query. What is empty is as if it were not there."""

    model_config = ConfigDict(frozen=True, extra="ignore", str_strip_whitespace=True, defer_build=True)


class NoQuestion(Question):
    """Nothing is asked."""


class Filters(Question):
    """The filters of a list: all must hold; '' for any."""

    @property
    def given(self) -> dict[str, str]:
        """Return those that are filled in."""
        names = [name for name in type(self).model_fields if name not in BESIDES]
        return {name: text for name in names if (text := getattr(self, name))}


class BulkQuestion(Filters):
    """`cursor`: of the page before. `verb`: what shall be done with all that match."""

    cursor: Name = ""
    verb: str = Field("replay", pattern="^(replay|drop)$")


class Form(BaseModel):
    """Input of an action. Unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, defer_build=True)


class NameForm(Form):
    """The name of one."""

    name: Name


class IdForm(Form):
    """The id of one."""

    id: Name


class Unknown(RelayError):
    """There is nothing of this name: 404, with the sentence and pages that may have been meant."""

    def __init__(self, sentence: str, *, near: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(sentence)
        self.near = near


async def existing(page: Awaitable[Page]) -> Page:
    """Return this page of a list. Unknown if its cursor is of no page."""
    try:
        return await page
    except ValueError:
        raise Unknown(NO_PAGE) from None


NO_PAGE = "This page of the list is not there; begin with its first page."
LATER = "This is taken, but not done yet: the process that decides is busy, or away. It will be done."

SENTENCES = WHY | dict.fromkeys(("waiting", "parked"), WHY["waits"])


def why_of(code: str, kind: str, address: str = "") -> str:
    """Return the sentence of a reason of this kind; the code itself where it is another release's."""
    return SENTENCES.get(kind, {}).get(code, code).replace("{address}", address or "this address")
