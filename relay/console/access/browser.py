"""Headers for browsers, checks of their forms, the pages of refusals, and where a login leads back to."""

import hmac
import re
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from aiohttp import web
from multidict import MultiDict

from relay.receiving import request_body
from relay.receiving.problems import HttpProblem

PAGES, API = "/console", "/api/v1"
LOGIN = f"{PAGES}/login"
STATIC = f"{PAGES}/static/"
READING = ("GET", "HEAD")  # changes nothing, and any role may
LONGEST = 1000  # characters of an address that a login leads back to
# A path of these has no dot and no percent sign: there is nothing that a browser could decode, or climb by.
PAGE = re.compile(rf"{PAGES}(?:/[\w-]+)*/?(?:\?[!-\[\]-~]*)?(?:#[\w-]*)?", re.ASCII)
WORDS = re.compile(r"(?:/[a-z0-9-]{1,20})+")  # a token is longer
# `same-origin`, not `no-referrer`: with that, forms say `Origin: null`, and without TLS that is all they say. Nothing
# leads to other sites either way. `form-action` also binds where a form is redirected to.
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; form-action 'self'; base-uri 'none'; "
    "object-src 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex",
}
API_HEADERS = {"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'"}  # it is data, whatever is in it
FORM = "application/x-www-form-urlencoded"  # as which all our pages send theirs
MAX_FORM, MAX_FIELDS = 1024 * 1024, 2000  # bytes of a form, which may name hundreds of rows
FORM_TIMEOUT = 10.0  # seconds
FIELDS = web.RequestKey("fields", MultiDict[str])


def below(path: str, *roots: str) -> bool:
    return any(path == root or path.startswith(f"{root}/") for root in roots)


def same_origin(request: web.Request, url: str) -> bool:
    """Return whether a page of this relay sent it, by Sec-Fetch-Site, else by Origin. `url`: relay's behind a proxy."""
    if site := request.headers.get("Sec-Fetch-Site"):
        return site == "same-origin"
    scheme, _, host = request.headers.get("Origin", "").partition("://")  # a stranger's: not all of them are addresses
    hosts = {request.host.casefold(), urlsplit(url).netloc.casefold()}
    return scheme in ("http", "https") and bool(host) and host.casefold() in hosts


def is_fragment(request: web.Request) -> bool:
    """Return whether an open page asks for its news (htmx), not its reader."""
    return request.headers.get("HX-Request") == "true"


def leading_back(address: str) -> str:
    """Return this address if it is a page of the console, else the first page."""
    ours = len(address) <= LONGEST and PAGE.fullmatch(address) and not address.startswith(LOGIN)
    return address if ours else PAGES


def to_login(request: web.Request) -> web.Response:
    """Redirect to the login, and from there back to a page: what was posted is not posted again."""
    fragment = is_fragment(request)
    here = request.headers.get("HX-Current-URL", "").partition("//")[2].partition("/")[2] if fragment else ""
    back = f"/{here}" if fragment else request.path_qs if request.method in READING else ""
    login = f"{LOGIN}?next={quote(leading_back(back), safe='')}" if back else LOGIN
    if fragment:
        return web.Response(status=401, headers={"HX-Redirect": login})
    return web.Response(status=303, headers={"Location": login})


def route_of(request: web.Request) -> str:
    """Return the path, for the log; the pattern of its route if it may hold the token of a link."""
    resource = request.match_info.route.resource
    if resource is None:
        return "unknown"
    return request.path if WORDS.fullmatch(request.path) else resource.canonical


async def read_fields(request: web.Request) -> MultiDict[str]:
    """Return the fields of a page's form, again if asked again; none of what is no form. Raises HttpProblem."""
    if request.content_type != FORM:
        return MultiDict()
    if FIELDS not in request:
        body = await request_body.read(request, max_size=MAX_FORM, seconds=FORM_TIMEOUT)
        try:
            pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
        except ValueError:
            raise HttpProblem(413, f"A form may have up to {MAX_FIELDS} fields.") from None
        request[FIELDS] = MultiDict(pairs)
    return request[FIELDS]


def csrf_of(id_: str) -> str:
    """Return what a session's forms carry. Nothing of the session's id follows from it."""
    return blake2b(b"csrf", key=id_.encode()[:64], digest_size=18).hexdigest()


async def has_csrf(request: web.Request, csrf: str) -> bool:
    """Return whether the form has the session's token. Raises HttpProblem."""
    return alike((await read_fields(request)).get("csrf", ""), csrf)


def alike(shown: str, right: str) -> bool:
    """Compare in constant time."""
    return bool(right) and hmac.compare_digest(shown.encode("utf-8", "replace"), right.encode())


# Renders a template for a request.
Render = Callable[[web.Request, str, Mapping[str, Any]], str]

REFUSED = "You may not do this"
NOT_LET_IN = "You were not let in"
NOT_NOW = "Not just now"
ELSEWHERE = "This form did not come from a page of this relay. Open the page again, and send it from there."
STALE = "This page is older than your login. Open it again, and send the form from there."
OPERATORS = "This needs the role operator, and your role is %s."
USED = "This link has been used, or is older than 10 minutes. On relay's machine this makes another: relay console link"
AWAY = "relay's store does not answer at the moment. Try again in a minute."


def html_page(html: str, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(text=html, status=status, headers=headers, content_type="text/html", charset="utf-8")
