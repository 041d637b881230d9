"""Those for whom the operators' listener is: somebody who logs in and looks, and programs that ask for numbers."""

import asyncio
import contextlib
import re
import time
from collections.abc import Sequence
from urllib.parse import urlencode, urlsplit

from campaign.configuration import OPERATOR
from campaign.forms import COOKIE, ELSEWHERE, HOST, OWN
from campaign.pipelines import replies
from campaign.report import Report
from campaign.requests import Request
from campaign.seeds import FORM
from campaign.target import Target
from tests.support.commands import relay
from tests.support.patience import patience

SOON = 3.0  # seconds of a machine at rest for a login, a page, a number or a probe
COOKIES = re.compile(rf"{COOKIE}=([\w-]+)".encode())
BETWEEN = 0.1  # seconds from one round to the next
OPERATORS, PROGRAMS = "127.0.20.1", "127.0.20.2"
PAGES = ("/console/now", "/console/destinations", "/console/deliveries", "/console/dead", "/console/audit")
PROBES = ("/metrics", "/readyz?verbose", "/healthz")

IN = f"an operator gets in, and has each page within {SOON:g} s"
LIVE = f"an operator has a page that is kept up to date within {SOON:g} s, however many another has open"
NUMBERS = f"numbers and probes are answered with 200 within {SOON:g} s"
Reply = tuple[int, bytes, bytes]


async def entered(listener: Target, name: str, peer: str = OPERATORS) -> tuple[str, str]:
    """The cookie of a login, and what its forms carry; both empty where it was refused."""
    fields = urlencode({"name": name, "password": listener.configured.passwords[name]}).encode()
    login = Request(b"POST", b"/console/login", (HOST, FORM, OWN), fields)
    [(status, head, _)] = await answers(listener, [login], peer)
    cookie = COOKIES.search(head)
    if status != 303 or not cookie:
        return "", ""
    [(_, _, page)] = await answers(listener, [_page("/console/now", cookie[1])], peer)
    csrf = re.search(rb'name="csrf" value="(\w+)"', page)
    return cookie[1].decode(), csrf[1].decode() if csrf else ""


async def entered_by_link(listener: Target) -> bool:
    """Log in by a link. Its token, which also comes from elsewhere and to no page, and the session become canaries."""
    done = await relay("console", "link", "-c", listener.config, env=listener.configured.env)
    path = urlsplit(done.out.strip()).path.encode()
    posts = [Request(b"POST", target, (HOST, FORM, site), b"")
             for target, site in ((path, ELSEWHERE), (path + b"/more", OWN), (path, OWN))]  # fmt: skip
    *_, (status, head, _) = await answers(listener, posts, OPERATORS)
    if status != 303 or not (cookie := COOKIES.search(head)):
        return False
    listener.canaries.made |= {"console.link": path.rpartition(b"/")[2].decode(), "console.session": cookie[1].decode()}
    return True


async def working(listener: Target, report: Report, end: float) -> None:
    """Somebody logs in, and looks at one page after the other."""
    while time.monotonic() < end:
        begun = time.monotonic()
        cookie, csrf = await entered(listener, OPERATOR)
        report.counts["logins"] += 1
        report.promise(
            IN, bool(cookie and csrf) and time.monotonic() - begun <= patience(SOON), f"login, {_since(begun)}"
        )
        for path in PAGES:
            await timely(listener, report, IN, _page(path, cookie.encode()), OPERATORS)
        await timely(listener, report, LIVE, _page("/console/live/now", cookie.encode()), OPERATORS)
        await asyncio.sleep(BETWEEN)


async def asking(listener: Target, report: Report, end: float) -> None:
    """What a Prometheus and an orchestrator ask."""
    token = (b"Authorization", f"Bearer {listener.configured.admin_token}".encode())
    while time.monotonic() < end:
        for path in PROBES:
            await timely(listener, report, NUMBERS, Request(b"GET", path.encode(), (HOST, token)), PROGRAMS)
        await asyncio.sleep(BETWEEN)


async def timely(listener: Target, report: Report, promise: str, request: Request, peer: str) -> None:
    begun = time.monotonic()
    [(status, _, _)] = await answers(listener, [request], peer)
    report.counts[f"asked by {'operators' if peer == OPERATORS else 'programs'}"] += 1
    report.promise(
        promise,
        status == 200 and time.monotonic() - begun <= patience(SOON),
        f"{status} {request.target.decode()}, {_since(begun)}",
    )


async def answers(listener: Target, requests: Sequence[Request], peer: str) -> list[Reply]:
    """Status, head and body of each; 0 where there was none in time."""
    came: list[Reply] = []
    with contextlib.suppress(TimeoutError):
        batch = [("", "", request) for request in requests]
        async for _, (head, body) in replies(listener.address, batch, patience(10.0), peer):
            listener.outputs.add("answers of the console", body)
            came.append((int(head.split(b" ", 2)[1]) if head else 0, head, body))
    return came + [(0, b"", b"")] * (len(requests) - len(came))


def _page(path: str, cookie: bytes) -> Request:
    return Request(b"GET", path.encode(), (HOST, (b"Cookie", b"%s=%s" % (COOKIE.encode(), cookie))))


def _since(begun: float) -> str:
    return f"after {time.monotonic() - begun:.2f} s"
