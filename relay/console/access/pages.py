"""The sentences on the pages before a login, in English as catalogues know them."""

from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from relay.console.text import N_

# A template's HTML, for whoever sent the request.
Render = Callable[[web.Request, str, Mapping[str, Any]], str]

REFUSED = N_("You may not do this")
NOT_LET_IN = N_("You were not let in")
NOT_NOW = N_("Not just now")
ELSEWHERE = N_("This form did not come from a page of this relay. Open the page again, and send it from there.")
STALE = N_("This page is older than your login. Open it again, and send the form from there.")
OPERATORS = N_("This needs the role operator, and your role is %(role)s.")
USED = N_(
    "This link has been used, or is older than 10 minutes. On relay's machine this makes another: relay console link"
)
AWAY = N_("relay's store does not answer at the moment. Try again in a minute.")
UNCERTAIN = N_(
    "The login at the provider cannot be trusted. Begin again; if it stays so, relay's log says what is wrong."
)
UNREACHED = N_("The provider of logins does not answer, or not as it should. relay's log says what is wrong.")
NO_GROUP = N_("%(name)s is of no group that may see this console.")


def answer(html: str, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(text=html, status=status, headers=headers, content_type="text/html", charset="utf-8")
