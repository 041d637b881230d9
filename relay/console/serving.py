"""Pages as aiohttp serves them: questions answered, and forms performed."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import structlog
from aiohttp import hdrs, web
from pydantic import ValidationError

from relay.console import forms, pages
from relay.console.access import IDENTITY, Identity, browser
from relay.console.context import Context
from relay.console.facts import Unknown
from relay.console.view import Action, Handler, View, answered, framed, refused
from relay.errors import StoreUnavailable
from relay.log_lines import RateLimitedLog

log = structlog.get_logger(__name__)

NOTHING = "There is nothing here"


class Site:
    """Handlers of the pages' sub-application."""

    def __init__(self, context: Context, views: Sequence[View]) -> None:
        self._context = context
        self._lines = RateLimitedLog(time.monotonic)
        self._questions = {f"{browser.PAGES}{view.path}": view.question for view in views}
        self._navigation = [(f"{browser.PAGES}{view.path}", view.title) for view in views if view.listed]

    def page(self, view: View) -> Handler:
        async def show(request: web.Request) -> web.StreamResponse:
            question = forms.question_of(view, request)
            facts = await view.answer(self._context, question)
            values = {"view": view, "question": question, "facts": facts}
            response = browser.html_page(self.render(request, view.template, values))
            # An open page that asks for news does not show the message.
            if forms.FLASH in request.cookies and not browser.is_fragment(request):
                response.del_cookie(forms.FLASH, path=browser.PAGES)
            return response

        return show

    def framed(self, view: View) -> Handler:
        """Serve what others wrote, for a frame of the page."""

        async def show(request: web.Request) -> web.StreamResponse:
            question = forms.question_of(view, request)
            return framed(await answered(view.html(self._context, question)) if view.html else "")

        return show

    def form(self, action: Action) -> Handler:
        """Perform what a page posts, and lead back to where it came from, with the outcome."""

        async def act(request: web.Request) -> web.StreamResponse:
            came_from, fields = await forms.fields_of(request)
            back = browser.leading_back(came_from)
            try:
                done = await action.perform(self._context, action.form.model_validate(fields), request[IDENTITY])
            except ValidationError as error:
                done = refused(forms.faults(error))
            except Unknown as error:
                done = refused(str(error))
            if done.shown:
                return browser.html_page(self.render(request, action.template, {"facts": done.shown}))
            if done.refused and action.keeps:
                back = forms.refilled(back, fields, self._questions)
            response = web.Response(status=303, headers={"Location": back})
            forms.put_flash(request, response, done.text, refused=done.refused)
            return response

        return act

    @web.middleware
    async def answered(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer with a page also for an unknown address or an error, but for files."""
        try:
            return await handler(request)
        except (web.HTTPNotFound, web.HTTPMethodNotAllowed) as error:
            if request.path.startswith(browser.STATIC):
                raise
            text, first = "There is no page at this address.", "The first page"
            response = self._plain(request, error.status, NOTHING, text, [(browser.PAGES, first)])
            response.headers.update({name: error.headers[name] for name in (hdrs.ALLOW,) if name in error.headers})
            return response
        except ValidationError as error:
            return self._plain(request, 400, "That cannot be looked up", forms.faults(error))
        except Unknown as error:
            return self._plain(request, 404, NOTHING, str(error), error.near)
        except StoreUnavailable as error:
            self._lines.warning(log, "console.unavailable", reason=str(error))
            return self._plain(request, 503, browser.NOT_NOW, browser.AWAY)

    def render(self, request: web.Request, template: str, values: Mapping[str, Any]) -> str:
        """Return a page: `values` beside those that every template gets."""
        identity: Identity | None = request.get(IDENTITY)
        every = {
            "identity": identity,
            "may_act": bool(identity and identity.role == "operator"),
            "csrf": identity.csrf if identity else "",
            "here": request.path_qs,
            "path": request.path,
            "navigation": self._navigation,
            "flash": forms.flash_of(request),
            "zone": self._context.zone,
            "now": datetime.fromtimestamp(self._context.clock(), UTC),
        }
        return pages.render(template, {**every, **values})

    def _plain(
        self, request: web.Request, status: int, title: str, text: str, near: Sequence[tuple[str, str]] = ()
    ) -> web.Response:
        values = {"title": title, "text": text, "near": near}
        return browser.html_page(self.render(request, "plain.html", values), status)
