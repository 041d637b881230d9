"""The pages as aiohttp serves them: what is asked, shown; and what is posted, done."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import wraps
from typing import Any

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler as AnyHandler
from pydantic import BaseModel, ValidationError

from relay.console import asking, news
from relay.console.access import IDENTITY, Identity
from relay.console.access.browser import PAGES, READING, START, STATIC, leading_back
from relay.console.access.pages import AWAY, NOT_NOW
from relay.console.desk import Desk
from relay.console.framed import Frame, framed
from relay.console.pages import Pages
from relay.console.streams import Streams
from relay.console.view import Action, Done, Facts, Handler, Unknown, View
from relay.console.words import said
from relay.errors import StoreUnavailable
from relay.receiving.problems import RateLimitedLog

log = structlog.get_logger(__name__)

CHOSEN = "relay_language"
YEAR = 31_536_000  # seconds
NOTHING = said("There is nothing here")
NOWHERE = said("There is no page at this address.")
FIRST = said("The first page")


class Site:
    """One for the sub-application."""

    def __init__(self, desk: Desk, pages: Pages, views: Sequence[View]) -> None:
        self._desk = desk
        self._pages = pages
        self._lines = RateLimitedLog(time.monotonic)
        self._questions = {f"{PAGES}{view.path}": view.question for view in views}
        self._navigation = [(f"{PAGES}{view.path}", view.title) for view in views if view.listed]

    def page(self, view: View) -> Handler:
        @self._answering
        async def show(request: web.Request) -> web.StreamResponse:
            question = asking.question_of(view, request)
            facts = await view.ask(self._desk, question)
            context = self.context(request, view, question, facts)
            response = _html(self._pages.render(view.template, context["language"], context))
            news.forget(request, response)
            return response

        return show

    def framed(self, view: View) -> Handler:
        """What is not ours, for a frame of the page."""

        @self._answering
        async def show(request: web.Request) -> web.StreamResponse:
            return framed(await view.html(self._desk, asking.question_of(view, request)) if view.html else Frame(""))

        return show

    def live(self, view: View, streams: Streams) -> Handler:
        """The part of the page that lives, again and again."""

        @self._answering
        async def follow(request: web.Request) -> web.StreamResponse:
            question = asking.question_of(view, request)

            async def look() -> str:
                facts = await view.ask(self._desk, question)
                context = self.context(request, view, question, facts)
                return self._pages.render(view.live, context["language"], context)

            key = view.path, question, self._language(request), request[IDENTITY].role
            return await streams.follow(request, key, look)

        return follow

    @web.middleware
    async def answered(self, request: web.Request, handler: AnyHandler) -> web.StreamResponse:
        """An address that is none is a page, too, for whoever is in; of files, which no person asks for, it is not."""
        try:
            return await handler(request)
        except (web.HTTPNotFound, web.HTTPMethodNotAllowed) as error:
            if request.path.startswith(STATIC):
                raise
            text = self._pages.translated(NOWHERE, {}, self._language(request))
            near = [(START, self._pages.translated(FIRST, {}, self._language(request)))]
            response = self._plain(request, error.status, NOTHING, text, near)
            response.headers.update({name: error.headers[name] for name in (hdrs.ALLOW,) if name in error.headers})
            return response

    def _answering(self, handler: Handler) -> Handler:
        """What cannot be shown is a page, too."""

        @wraps(handler)
        async def answer(request: web.Request) -> web.StreamResponse:
            try:
                return await handler(request)
            except ValidationError as error:
                return self._plain(request, 400, said("That cannot be looked up"), asking.faults(error))
            except Unknown as error:
                return self._unknown(request, error)
            except StoreUnavailable as error:
                self._lines.warning(log, "console.unavailable", reason=str(error))
                text = self._pages.translated(AWAY, {}, self._language(request))
                return self._plain(request, 503, NOT_NOW, text)

        return answer

    def form(self, action: Action) -> Handler:
        """What a page posts. It leads back to where it came from, with what came of it."""

        @self._answering
        async def act(request: web.Request) -> web.StreamResponse:
            came_from, fields = await asking.fields_of(request)
            back = leading_back(came_from)
            try:
                done = await action.do(self._desk, asking.form_of(action, fields), request[IDENTITY])
            except ValidationError as error:
                done = Done("Nothing was done: %(fault)s", {"fault": asking.faults(error)}, refused=True)
            except Unknown as error:
                fault = self._pages.translated(error.text, error.values, self._language(request))
                done = Done("Nothing was done: %(fault)s", {"fault": fault}, refused=True)
            if done.refused and action.keeps:
                back = asking.refilled(back, fields, self._questions)
            response = web.Response(status=303, headers={"Location": back})
            text = self._pages.translated(done.text, done.values, self._language(request))
            news.tell(request, response, text, refused=done.refused)
            return response

        return act

    def context(
        self, request: web.Request, view: View | None, question: BaseModel | None, facts: Facts | None
    ) -> dict[str, Any]:
        """What every template gets."""
        who: Identity | None = request.get(IDENTITY)
        return {
            "facts": facts,
            "question": question,
            "view": view,
            "who": who,
            "may_act": bool(who and who.role == "operator"),
            "csrf": who.csrf if who else "",
            "here": request.path_qs,
            "path": request.path,
            "navigation": self._navigation,
            "language": self._language(request),
            "languages": self._languages(request),
            "news": news.heard(request),
            "zone": self._desk.zone,
            "copies_kept": self._desk.copies_kept,
            "now": datetime.fromtimestamp(self._desk.clock(), UTC),
        }

    def _languages(self, request: web.Request) -> Mapping[str, str]:
        """Where the same page is in each of them; none where it answers a form, which nobody sends again by a link."""
        address = request.rel_url
        return {
            code: f"?{address.update_query(lang=code).raw_query_string}"
            for code in (self._pages.languages if request.method in READING else ())
        }

    def render(self, request: web.Request, template: str, values: Mapping[str, Any]) -> str:
        """A page of those before one is in: it has the look and the language of the others."""
        context = {**self.context(request, None, None, None), **values}
        return self._pages.render(template, context["language"], context)

    async def keep_language(self, request: web.Request, response: web.StreamResponse) -> None:
        """The one that somebody chose by a link stays, also before they are in."""
        chosen = request.query.get("lang", "")
        if chosen in self._pages.languages and request.path.startswith(f"{PAGES}/"):
            cookie = web.Response()  # whose cookies can still be told: those of the answer are headers by now
            cookie.set_cookie(
                CHOSEN, chosen, path=PAGES, max_age=YEAR, httponly=True, samesite="Lax", secure=request.secure
            )
            response.headers.add("Set-Cookie", cookie.cookies[CHOSEN].OutputString())

    def _unknown(self, request: web.Request, error: Unknown) -> web.Response:
        language = self._language(request)
        text = self._pages.translated(error.text, error.values, language)
        near = [(link.page, self._pages.translated(link.text, link.values, language)) for link in error.near]
        return self._plain(request, 404, NOTHING, text, near)

    def _plain(
        self, request: web.Request, status: int, title: str, text: str, near: Sequence[tuple[str, str]] = ()
    ) -> web.Response:
        context = {**self.context(request, None, None, None), "title": title, "text": text, "near": near}
        page = self._pages.render("plain.html", context["language"], context)
        return _html(page, status)

    def _language(self, request: web.Request) -> str:
        chosen = request.query.get("lang", "")
        chosen = chosen if chosen in self._pages.languages else request.cookies.get(CHOSEN, "")
        return self._pages.language(chosen, request.headers.get("Accept-Language", ""))


def _html(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, content_type="text/html", status=status)
