"""Logins by the headers of an authenticating proxy: believed from it alone, and read strictly."""

from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientSession, CookieJar, TCPConnector
from multidict import CIMultiDict

from relay.config import Config
from relay.receiving.guard import Guard
from relay.receiving.peers import Proxies, network
from relay.store import Store
from tests.support.auth import Browser, Served, console, served
from tests.support.clock import Clock
from tests.support.haproxy import haproxy_with_logins

PROXY, STRANGER = "127.0.8.1", "127.0.8.2"
USER, GROUPS = "X-Forwarded-User", "X-Forwarded-Groups"


def settings(more: str = "operators: [jana], operator_groups: [data]", *, proxy: str = PROXY) -> Config:
    return console(f"  trusted_header: {{user: {USER}, groups: {GROUPS}, {more}}}\n", trusted_proxies=proxy)


@pytest.fixture
async def here(store: Store, clock: Clock) -> AsyncIterator[Served]:
    guard = Guard(proxies=Proxies([network(PROXY)]))
    async with served(settings(), store, clock, guard=guard, loopback=False) as running:
        yield running


@asynccontextmanager
async def browser(here: Served, peer: str = PROXY) -> AsyncIterator[Browser]:
    connector = TCPConnector(local_addr=(peer, 0))
    async with ClientSession(connector=connector, cookie_jar=CookieJar(unsafe=True)) as session:
        yield Browser(here.url, session)


async def logged_in(one: Browser, *headers: tuple[str, str]) -> str:
    """Return what the first page says of whoever sends these headers; '' for nobody."""
    lines = CIMultiDict(headers)
    login = await one.ask("GET", "/console/login?next=/console/now?q=1", headers=lines)
    if login.status == 200:
        return ""
    assert (login.status, login.location) == (303, "/console/now?q=1")
    return (await one.ask("GET", login.location, headers=lines)).text.partition(" csrf=")[0]


@pytest.mark.parametrize(
    ("headers", "who"),
    [
        ([(USER, "jana")], "jana operator header"),
        ([(USER, "viktor")], "viktor viewer header"),
        ([(USER, "viktor"), (GROUPS, "people, data")], "viktor operator header"),
        ([(USER, "viktor"), (GROUPS, "people|data")], "viktor operator header"),
        ([(USER, "viktor"), (GROUPS, "database,jana")], "viktor viewer header"),
        ([(USER, "data")], "data viewer header"),
        ([(USER, "JANA")], "JANA viewer header"),
        ([(USER, "jürgen@example.com")], "jürgen@example.com viewer header"),
        ([], ""),
        ([(USER, " ")], ""),
        ([(USER, "viktor"), (USER, "jana")], ""),
        ([(USER, "viktor, jana")], ""),
        ([(USER, "viktor"), (GROUPS, "people"), (GROUPS, "data")], ""),
        ([(USER, "ja\u202ena")], ""),
        ([(USER, "j" * 101)], ""),
        ([("X_Forwarded_User", "jana")], ""),
    ],
)
async def test_the_proxy_states_a_user_and_groups_in_one_header_each(
    here: Served, headers: list[tuple[str, str]], who: str
) -> None:
    async with browser(here) as one:
        assert await logged_in(one, *headers) == who
        entries = [(entry.actor, entry.detail["by"], entry.outcome) for entry in await here.audit()]
        assert entries == ([(who.split(maxsplit=1)[0], "header", "in")] if who else [])


async def test_from_anybody_else_the_headers_are_ignored(here: Served) -> None:
    """Also where the proxy's address is stated, and beside a session that the proxy's user has begun."""
    async with browser(here, STRANGER) as stranger, browser(here) as one:
        assert await logged_in(stranger, (USER, "jana"), ("X-Forwarded-For", PROXY)) == ""
        assert await logged_in(one, (USER, "jana")) == "jana operator header"
        stranger.session.cookie_jar.update_cookies({cookie.key: cookie.value for cookie in one.session.cookie_jar})

        assert (await stranger.get("/console/now", **{USER: "jana"})).status == 303
        assert (await stranger.get("/api/v1/now", **{USER: "jana"})).status == 401


async def test_a_session_is_of_the_user_whom_the_proxy_states_now(here: Served) -> None:
    async with browser(here) as one:
        assert await logged_in(one, (USER, "jana")) == "jana operator header"
        other = await one.get("/console/now", **{USER: "viktor"})
        assert (other.status, other.location) == (303, "/console/login?next=%2Fconsole%2Fnow")
        assert await logged_in(one, (USER, "viktor")) == "viktor viewer header"
        assert (await one.get("/console/now", **{USER: "viktor", GROUPS: "data"})).text.startswith("viktor operator")
        assert (await one.get("/console/now")).status == 303


async def test_roles_are_those_of_the_configuration_at_each_request(here: Served) -> None:
    async with browser(here) as one:
        await logged_in(one, (USER, "jana"))
        here.config = settings("operators: [others]")
        assert (await one.get("/console/now", **{USER: "jana"})).text.startswith("jana viewer")
        here.config = console("  tokens: {a: {token: Yq3x7Wc1Lf9Zk2Rb8Vt5Nh4Dm6Gs0Jp, role: viewer}}\n")
        assert (await one.get("/console/now", **{USER: "jana"})).status == 303


@pytest.mark.slow
async def test_haproxy_states_who_has_logged_in_there(store: Store, clock: Clock) -> None:
    guard = Guard(proxies=Proxies([network("127.0.0.1")]))
    passwords, forged = {"jana": "pass", "viktor": "word"}, ((USER, "jana"), (GROUPS, "data"))
    async with (
        served(settings(proxy="127.0.0.1"), store, clock, guard=guard, loopback=False) as here,
        haproxy_with_logins(here.url, passwords) as here.url,
    ):
        for name, role in (("jana", "operator"), ("viktor", "viewer")):
            async with here.browser() as one:
                login = ("Authorization", f"Basic {b64encode(f'{name}:{passwords[name]}'.encode()).decode()}")
                assert await logged_in(one, login, *forged) == f"{name} {role} header"
        async with here.browser() as one:
            assert (await one.get("/console/now", **{USER: "jana"})).status == 401
