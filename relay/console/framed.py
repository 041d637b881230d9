"""HTML that is not the console's own, such as a mail as it was sent: shown in a frame in which it can do nothing."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from relay.authoring.drawing import scripted
from relay.channels.slack.messages import page_of

# No script, form or link of it works, it loads nothing, and it is of no origin: also where somebody opens it alone.
POLICY = "sandbox{allowed}; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
HEADERS = {
    "X-Frame-Options": "SAMEORIGIN",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True)
class Frame:
    """What a frame shows. `nonce` is that of a script of relay's own in it, which draws it: no other one runs."""

    html: str
    nonce: str = ""


def scripted_frame(document: str) -> Frame:
    """A page of Slack messages, drawn by its own script."""
    nonce = secrets.token_urlsafe(16)
    return Frame(scripted(document, nonce), nonce)


def message_frame(content: Mapping[str, Any], at: float) -> Frame:
    """A message as its reader sees it: Slack's blocks drawn, of time `at` (seconds since the epoch); a mail's HTML;
    of any other one nothing."""
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
