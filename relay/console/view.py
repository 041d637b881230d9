"""What a page and an action are, as `site.py` lists them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict

from relay.console.access import Identity
from relay.console.desk import Desk
from relay.console.framed import Frame
from relay.errors import RelayError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Near:
    """A page that somebody may have meant: a link, with its text (English, with %(name)s) and the values."""

    page: str
    text: str
    values: Mapping[str, str | int] = field(default_factory=dict)


class Unknown(RelayError):
    """There is nothing of this name: 404, with the sentence and what is near. `values` are for its %(names)s."""

    def __init__(self, text: str, *, near: Sequence[Near] = (), **values: str) -> None:
        super().__init__(text % values if values else text)
        self.text, self.near, self.values = text, near, values


class Facts(BaseModel):
    """What a view answers: the page shows it, and `/api/v1` gives it as JSON."""

    model_config = ConfigDict(frozen=True)


class Question(BaseModel):
    """What a page is asked: parts of its path, and of its query. What is empty is as if it were not there."""

    model_config = ConfigDict(frozen=True, extra="ignore", str_strip_whitespace=True)


class NoQuestion(Question):
    """Of a page that is asked nothing."""


class Form(BaseModel):
    """What an action is told. Unknown fields are refused: somebody meant something by them."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


@dataclass(frozen=True, slots=True)
class Done:
    """What came of an action: a sentence (English, with %(name)s) and its values. `refused`: nothing was done.

    facts  what /api/v1 answers beside it
    """

    text: str
    values: Mapping[str, str | int] = field(default_factory=dict)
    refused: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class View:
    """path is below /console and /api/v1, and may have {parts}; `live` is the template of the part of the
    page that is kept up to date while somebody looks. `html` is what somebody else wrote, for a frame of the page: at
    <path>/html it is served so that it can do nothing.

    title  in the page's head, and in the navigation where `listed`
    """

    path: str
    ask: Callable[[Desk, Any], Awaitable[Facts]]
    question: type[Question]
    facts: type[Facts]
    template: str
    title: str
    listed: bool = False
    live: str = ""
    html: Callable[[Desk, Any], Awaitable[Frame]] | None = None


def answer(
    path: str, ask: Callable[[Desk, Any], Awaitable[Facts]], asked: type[Question], facts: type[Facts], title: str
) -> View:
    """Return a view without a page: /api/v1 alone has it, and its title is in its description."""
    return View(path, ask, asked, facts, template="", title=title)


@dataclass(frozen=True, slots=True)
class Action:
    """`POST` to this path. `do` is told who does it; it writes down in the audit trail what it does.

    keeps  where it is refused, the page with its form is asked with what was filled in, so that nobody types it again
    """

    path: str
    do: Callable[[Desk, Any, Identity], Awaitable[Done]]
    form: type[Form]
    summary: str
    keeps: bool = False
