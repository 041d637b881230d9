"""Pages and actions, as `site.py` lists them, and frames for the HTML of others, in which it can do nothing."""

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

from aiohttp import web

from relay.channels.slack.messages import page_of
from relay.console.access import Identity
from relay.console.context import Context
from relay.console.facts import LATER, REFUSED, Facts, Form, Question, Unknown, Value
from relay.errors import NotYetDone, RelayError, StoreUnavailable, Unsealable

Answer = TypeVar("Answer")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
# No script, form or link works, nothing is loaded, and it has no origin, also outside of a frame.
POLICY = "sandbox{allowed}; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
HEADERS = {
    "X-Frame-Options": "SAMEORIGIN",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True)
class Frame:
    """The content of a frame. `nonce` is that of a script of relay's own in it, which draws it: no other one runs."""

    html: str
    nonce: str = ""


def scripted_frame(document: str) -> Frame:
    """Return a page of Slack messages, drawn by its own script, which tells its height."""
    nonce = secrets.token_urlsafe(16)
    head, _, tail = document.replace("<script>", f'<script nonce="{nonce}">').rpartition("</body>")
    style, script = (Path(__file__).with_name(name).read_text("utf-8") for name in ("frame.css", "frame.js"))
    return Frame(f'{head}<style>{style}</style><script nonce="{nonce}">{script}</script></body>{tail}', nonce)


def message_frame(content: Mapping[str, Any], at: float) -> Frame:
    """A message as its reader sees it: Slack's blocks drawn, as of `at` (epoch seconds), or a mail's HTML."""
    if "blocks" in content:
        return scripted_frame(page_of([{"text": content.get("text", ""), "blocks": content["blocks"]}], at=at))
    html = content.get("html")
    return Frame(html if isinstance(html, str) else "")


def framed(frame: Frame) -> web.Response:
    policy = POLICY.format(allowed=" allow-scripts" if frame.nonce else "")
    if frame.nonce:
        policy += f"; script-src 'nonce-{frame.nonce}'"
    headers = {"Content-Security-Policy": policy, **HEADERS}
    return web.Response(text=frame.html, content_type="text/html", headers=headers)


@dataclass(frozen=True, slots=True)
class Done:
    """Outcome of an action: sentences, their values, `facts` for /api/v1. `refused`: nothing was done."""

    text: str
    values: Mapping[str, Value] = field(default_factory=dict)
    refused: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)
    more: Sequence[str] = ()
    shown: Facts | None = None  # for the action's template

    def worded(self) -> str:
        """Without values a text stays as it is: an error's words may have a %."""
        return " ".join(text % self.values if self.values else text for text in (self.text, *self.more))


def refused(fault: str) -> Done:
    return Done(REFUSED, {"fault": fault}, refused=True)


@dataclass(frozen=True, slots=True)
class View:
    """A page below /console, and its facts below /api/v1. `html`: HTML of others, for a frame at <path>/html."""

    path: str
    ask: Callable[[Context, Any], Awaitable[Facts]]
    template: str
    title: str
    listed: bool = False
    html: Callable[[Context, Any], Awaitable[Frame]] | None = None

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
    except Unsealable as error:
        raise Unknown(f"it cannot be shown: {error}") from None
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
