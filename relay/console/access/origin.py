"""What a browser is told to keep to, and whether a request comes from a page of ours. Pure."""

import hmac
import re
from hashlib import blake2b
from urllib.parse import urlsplit

from aiohttp import web

PAGES, API = "/console", "/api/v1"
START = PAGES
LOGIN = f"{PAGES}/login"
STATIC = f"{PAGES}/static/"
LIVE = f"{PAGES}/live/"  # what pages ask for by themselves, whether or not anybody looks
LONGEST = 1000  # characters of an address that a login leads back to
# A path of these has no dot and no percent sign: there is nothing that a browser could decode, or climb by.
PAGE = re.compile(rf"{PAGES}(?:/[\w-]+)*/?(?:\?[!-\[\]-~]*)?(?:#[\w-]*)?", re.ASCII)
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


def is_ours(path: str) -> bool:
    """Whether the console answers this address, or its JSON does."""
    return any(path == own or path.startswith(f"{own}/") for own in (PAGES, API))


def is_page(path: str) -> bool:
    return path == PAGES or path.startswith(f"{PAGES}/")


def same_origin(request: web.Request, url: str) -> bool:
    """Whether a page of this relay sent it; `url` is where browsers reach it, if a proxy calls it otherwise.

    A browser says so in Sec-Fetch-Site, or where there is no TLS in Origin. What says neither is none that may have a
    session.
    """
    if site := request.headers.get("Sec-Fetch-Site"):
        return site == "same-origin"
    scheme, _, host = request.headers.get("Origin", "").partition("://")  # a stranger's: not all of them are addresses
    own = {request.host.casefold(), urlsplit(url).netloc.casefold()}
    return scheme in ("http", "https") and bool(host) and host.casefold() in own


def leading_back(address: str) -> str:
    """Return this address if it is a page of the console, else the first page."""
    ours = len(address) <= LONGEST and PAGE.fullmatch(address) and not address.startswith(LOGIN)
    return address if ours else START


def route_of(request: web.Request) -> str:
    """Return the pattern of the request's route, for the log: its path may hold the token of a link."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else "unknown"


def csrf_of(id_: str) -> str:
    """What a session's forms carry. Nothing of the session's id follows from it."""
    return blake2b(b"csrf", key=id_.encode()[:64], digest_size=18).hexdigest()


def alike(shown: str, right: str) -> bool:
    """Compared in a time that says nothing of how much of it is right."""
    return bool(right) and hmac.compare_digest(shown.encode("utf-8", "replace"), right.encode())
