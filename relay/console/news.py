"""What came of an action, until the next page says it: in a cookie, which holds for the session that acted alone.

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


def tell(request: web.Request, response: web.Response, text: str, *, refused: bool) -> None:
    """Let the next page of this session say it."""
    content = json.dumps({"text": text[:MOST], "refused": refused}, ensure_ascii=False).encode("utf-8", "replace")
    kept = urlsafe_b64encode(content).decode()
    response.set_cookie(
        NAME, f"{_signature(request, kept)}.{kept}", path=PAGES, max_age=SECONDS, httponly=True, samesite="Strict",
        secure=request.secure,
    )  # fmt: skip


def heard(request: web.Request) -> Mapping[str, Any] | None:
    """`text` and `refused`; None where there is nothing to say."""
    signature, _, kept = request.cookies.get(NAME, "").partition(".")
    if not kept or not alike(signature, _signature(request, kept)):
        return None
    content: Mapping[str, Any] = json.loads(urlsafe_b64decode(kept))
    return content


def forget(request: web.Request, response: web.Response) -> None:
    if NAME in request.cookies:
        response.del_cookie(NAME, path=PAGES)


def _signature(request: web.Request, kept: str) -> str:
    """'' for nobody."""
    who = request.get(IDENTITY)
    return (
        blake2b(kept.encode("utf-8", "replace"), key=who.csrf.encode()[:64], digest_size=18).hexdigest() if who else ""
    )
