"""Flash messages: the outcome of an action, in a cookie until the next page of the session that acted says it.

Other hosts of one domain can set cookies, so what no session of ours has signed is not shown: anybody could word it.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from aiohttp import web

from relay.console.access import IDENTITY
from relay.console.access.browser import PAGES, alike

NAME = "relay_done"
MOST = 600  # characters: with its signature it must be one cookie
SECONDS = 30


def put(request: web.Request, response: web.Response, text: str, *, refused: bool) -> None:
    """Let the next page of this session say it."""
    content = json.dumps({"text": text[:MOST], "refused": refused}, ensure_ascii=False).encode("utf-8", "replace")
    value = urlsafe_b64encode(content).decode()
    response.set_cookie(
        NAME, f"{_signature(request, value)}.{value}", path=PAGES, max_age=SECONDS, httponly=True, samesite="Strict",
        secure=request.secure,
    )  # fmt: skip


def get(request: web.Request) -> Mapping[str, Any] | None:
    """Return `text` and `refused`; None where there is nothing to say."""
    signature, _, value = request.cookies.get(NAME, "").partition(".")
    if not value or not alike(signature, _signature(request, value)):
        return None
    content: Mapping[str, Any] = json.loads(urlsafe_b64decode(value))
    return content


def clear(request: web.Request, response: web.Response) -> None:
    if NAME in request.cookies:
        response.del_cookie(NAME, path=PAGES)


def _signature(request: web.Request, value: str) -> str:
    """Return '' where nobody is logged in."""
    identity = request.get(IDENTITY)
    key = identity.csrf.encode()[:64] if identity else b""
    return blake2b(value.encode("utf-8", "replace"), key=key, digest_size=18).hexdigest() if identity else ""
