"""Pages and actions, as `site.py` lists them, and frames for the HTML of mails, in which it can do nothing."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from aiohttp import web

from relay.console.access import Identity
from relay.console.context import Context
from relay.console.facts import LATER, Facts, Form, Question, Unknown
from relay.errors import NotYetDone, RelayError, StoreUnavailable

Answer = TypeVar("Answer")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
# No script, form or link works, nothing is loaded, and it has no origin, also outside of a frame.
HEADERS = {
    "Content-Security-Policy": (
        "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
    ),
    "X-Frame-Options": "SAMEORIGIN",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def framed(html: str) -> web.Response:
    """Answer with the HTML of a mail as its reader sees it, for a frame."""
    return web.Response(text=html, content_type="text/html", headers=HEADERS)


@dataclass(frozen=True, slots=True)
class Done:
    """Outcome of an action in words, with `facts` for /api/v1. `refused`: nothing was done."""

    text: str
    refused: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)
    shown: Facts | None = None  # for the action's template


def refused(fault: str) -> Done:
    return Done(f"Nothing was done: {fault}", refused=True)


@dataclass(frozen=True, slots=True)
class View:
    """A page below /console, and its facts below /api/v1. `html`: HTML of others, for a frame at <path>/html."""

    path: str
    ask: Callable[[Context, Any], Awaitable[Facts]]
    template: str
    title: str
    listed: bool = False
    html: Callable[[Context, Any], Awaitable[str]] | None = None

    @property
    def question(self) -> type[Question]:
        _, question, _ = self.ask.__annotations__.values()
        return cast("type[Question]", question)

    @property
    def facts(self) -> type[Facts]:
        return cast("type[Facts]", self.ask.__annotations__["return"])

    async def answer(self, context: Context, question: Question) -> Facts:
        """Raises Unknown and StoreUnavailable."""
        return await answered(self.ask(context, question))


async def answered(answer: Awaitable[Answer]) -> Answer:
    """Return the answer. Unknown says why there is none; StoreUnavailable goes through."""
    try:
        return await answer
    except (Unknown, StoreUnavailable):
        raise
    except RelayError as error:
        raise Unknown(str(error)) from None


@dataclass(frozen=True, slots=True)
class Action:
    """`POST` to this path; `do` records it in the audit trail. `keeps`: a refused form is shown with its values.

    With a `template`, the answer is a page of what came of it, and nothing has changed.
    """

    path: str
    do: Callable[[Context, Any, Identity], Awaitable[Done]]
    summary: str
    keeps: bool = False
    template: str = ""

    @property
    def form(self) -> type[Form]:
        _, form, *_ = self.do.__annotations__.values()
        return cast("type[Form]", form)

    async def perform(self, context: Context, form: Form, identity: Identity) -> Done:
        """Raises Unknown and StoreUnavailable."""
        try:
            return await self.do(context, form, identity)
        except NotYetDone:
            return Done(LATER, refused=True)
        except (Unknown, StoreUnavailable):
            raise
        except RelayError as error:
            return refused(str(error))
