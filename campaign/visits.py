"""Legitimate visits of the operators' listener: a user who logs in and looks, and programs that ask for numbers."""

import asyncio
import contextlib
import re
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

from campaign.configuration import AUTH_PROXY, OPERATOR, USER_HEADER
from campaign.forms import COOKIE, ELSEWHERE, HOST, OWN
from campaign.pipelines import replies
from campaign.report import Report
from campaign.requests import Header, Request
from campaign.seeds import FORM
from campaign.target import Target
from tests.support.commands import relay
from tests.support.patience import patience

SOON = 3.0  # seconds of a machine at rest for a login, a page, a number or a probe
COOKIES = re.compile(rf"{COOKIE}=([\w-]+)".encode())
BETWEEN = 0.1  # seconds from one round to the next
OPERATORS, PROGRAMS = AUTH_PROXY, "127.0.20.2"
STATED = (USER_HEADER.encode(), OPERATOR.encode())
PAGES = ("/console/now", "/console/destinations", "/console/deliveries", "/console/dead", "/console/audit")
PROBES = ("/metrics", "/readyz?verbose", "/healthz")

IN = f"an operator gets in, and has each page within {SOON:g} s"
LIVE = f"an operator has a page that is kept up to date within {SOON:g} s"
NUMBERS = f"numbers and probes are answered with 200 within {SOON:g} s"
Reply = tuple[int, bytes, bytes]


async def entered_by_proxy(listener: Target) -> tuple[str, str]:
    """Return the cookie of a login by the authenticating proxy, and what its forms carry; '' where it was refused."""
    return await _session(listener, Request(b"GET", b"/console/login", (HOST, STATED)), OPERATORS, STATED)


async def entered_by_link(listener: Target, role: str, name: str) -> tuple[str, str]:
    """The same of a login by a link of this name.

    Its token, which also comes from elsewhere and to no page, and the session become canaries.
    """
    env = {**listener.configured.env, "RELAY_ACTOR": name}
    done = await relay("console", "link", "--role", role, "-c", listener.config, env=env)
    path = urlsplit(done.out.strip()).path.encode()
    for target, site in ((path, ELSEWHERE), (path + b"/more", OWN)):
        await answers(listener, [Request(b"POST", target, (HOST, FORM, site), b"")], OPERATORS)
    cookie, csrf = await _session(listener, Request(b"POST", path, (HOST, FORM, OWN), b""), OPERATORS)
    if cookie:
        link = path.rpartition(b"/")[2].decode()
        listener.canaries.made |= {f"console.link of {name}": link, f"console.session of {name}": cookie}
    return cookie, csrf


async def _session(listener: Target, login: Request, peer: str, *headers: Header) -> tuple[str, str]:
    [(status, head, _)] = await answers(listener, [login], peer)
    cookie = COOKIES.search(head)
    if status != 303 or not cookie:
        return "", ""
    [(_, _, page)] = await answers(listener, [_page("/console/now", cookie[1], *headers)], peer)
    csrf = re.search(rb'name="csrf" value="(\w+)"', page)
    return cookie[1].decode(), csrf[1].decode() if csrf else ""


async def working(listener: Target, report: Report, end: float) -> None:
    """Log in, and look at one page after the other."""
    while time.monotonic() < end:
        begun = time.monotonic()
        cookie, csrf = await entered_by_proxy(listener)
        report.counts["logins"] += 1
        report.promise(
            IN, bool(cookie and csrf) and time.monotonic() - begun <= patience(SOON), f"login, {_since(begun)}"
        )
        for path in PAGES:
            await timely(listener, report, IN, _page(path, cookie.encode(), STATED), OPERATORS)
        await timely(
            listener, report, LIVE, _page("/console/now", cookie.encode(), STATED, (b"HX-Request", b"true")), OPERATORS
        )
        await asyncio.sleep(BETWEEN)


async def asking(listener: Target, report: Report, end: float) -> None:
    """Ask what a Prometheus and an orchestrator ask."""
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


def _page(path: str, cookie: bytes, *headers: Header) -> Request:
    return Request(b"GET", path.encode(), (HOST, (b"Cookie", b"%s=%s" % (COOKIE.encode(), cookie)), *headers))


def _since(begun: float) -> str:
    return f"after {time.monotonic() - begun:.2f} s"
