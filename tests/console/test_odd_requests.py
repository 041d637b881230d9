"""Odd requests of browsers and programs are answered, and no fault of relay's."""

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientSession, DummyCookieJar
from yarl import URL

from relay import metrics
from relay.console.access.browser import csrf_of
from relay.store import Store
from tests.console.operators import Listening
from tests.console.test_stolen_forms import OPERATOR, OTHER, guarded, token
from tests.support.auth import SAME, TOKEN
from tests.support.clock import Clock
from tests.support.every_case import every_case


@pytest.fixture
async def here(store: Store, clock: Clock, tmp_path: Path) -> AsyncIterator[Listening]:
    before = metrics.unexpected_errors._value.get()
    async with guarded(store, clock, tmp_path) as opened:
        yield opened
    assert metrics.unexpected_errors._value.get() == before, "relay took it for a fault of its own"


@pytest.fixture
async def client() -> AsyncIterator[ClientSession]:
    async with ClientSession(cookie_jar=DummyCookieJar()) as opened:
        yield opened


STATIC = (
    "x" * 300, "../now", "%2e%2e/now", "..%2f..%2fsite.py", "vendor/../../pages.py", "%2e%2e/%2e%2e/site.py",
    "/etc/passwd", "%00", "", "vendor", "vendor/", "console.css/", "console.css%00", "CONSOLE.CSS", "%5c..%5csite.py",
)  # fmt: skip
PROGRAMS = (
    ("application/json; charset=none", b"{}", 409), ("application/json", b"[" * 90_000, 400),
    ("application/json", b"\xff", 400), ("application/json", b"1" * 6000, 400), ("application/json", b"null", 422),
    ("application/json", b'{"id": ["\\ud800"]}', 422), ("application/json", b" " * 2**20 + b"{}", 413),
)  # fmt: skip
PLANTED = (json.dumps({"text": "Log in again at evil.example", "refused": True}), "[" * 4000, "", "é")


async def test_nothing_but_its_files_is_static(here: Listening, client: ClientSession) -> None:
    with every_case() as case:
        for path in STATIC:
            address = URL(f"{here.url}/console/static/{path}", encoded=True)
            with case(path[:30]):
                async with client.get(address, allow_redirects=False) as response:
                    assert response.status == 404
    async with client.get(f"{here.url}/console/static/vendor/htmx.min.js") as response:
        assert (response.status, response.content_type.partition("/")[2]) == (200, "javascript")


async def test_an_address_that_is_none_is_a_page_for_people(here: Listening, client: ClientSession) -> None:
    with every_case() as case:
        for path, status in (("nowhere", 404), ("now/", 404), ("dead/replay", 405), ("live/nowhere", 404)):
            address = f"{here.url}/console/{path}"
            with case(path):
                async with client.get(address, headers=cookie_of(here)) as response:
                    text = await response.text()
                    assert (response.status, response.content_type) == (status, "text/html")
                    assert "There is no page at this address." in text
                    assert '<a href="/console">The first page</a>' in text
                    assert response.headers.get("Allow") == ("POST" if status == 405 else None)
                    assert "default-src 'self'" in response.headers["Content-Security-Policy"]
                async with client.get(address, allow_redirects=False) as response:
                    assert response.status == 303
    async with client.get(f"{here.url}/console/", headers=cookie_of(here), allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (302, "/console/now")


async def test_what_a_program_posts_is_read_within_bounds(here: Listening, client: ClientSession) -> None:
    with every_case() as case:
        for kind, body, status in PROGRAMS:
            headers = {**token(TOKEN), "Content-Type": kind}
            with case(kind, body[:20]):
                async with client.post(f"{here.url}/api/v1/dead/drop", data=_pieces(body), headers=headers) as response:
                    assert response.status == status, await response.text()


async def test_what_came_of_an_action_is_said_to_who_did_it(here: Listening, client: ClientSession) -> None:
    form = {"csrf": csrf_of(OPERATOR), "name": "room"}
    url = f"{here.url}/console/destinations/resume"
    async with client.post(url, data=form, headers=cookie_of(here) | SAME, allow_redirects=False) as response:
        news = response.cookies["relay_done"].value

    assert "nobody has paused room" in await _page(here, client, OPERATOR, news)
    assert "nobody has paused room" not in await _page(here, client, OTHER, news)


async def test_what_another_host_has_put_there_is_not_said(here: Listening, client: ClientSession) -> None:
    with every_case() as case:
        for signature in ("", "x.", f"{'0' * 36}.", "."):
            for text in PLANTED:
                kept = base64.urlsafe_b64encode(text.encode()).decode()
                with case(signature, text[:20]):
                    assert "evil.example" not in await _page(here, client, OPERATOR, f"{signature}{kept}")


def cookie_of(here: Listening) -> dict[str, str]:
    return {"Cookie": f"relay-console={here.cookies[OPERATOR]}"}


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    yield body


async def _page(here: Listening, client: ClientSession, id_: str, news: str) -> str:
    cookies = {"Cookie": f"relay-console={here.cookies[id_]}; relay_done={news}"}
    async with client.get(f"{here.url}/console/audit", headers=cookies) as response:
        assert response.status == 200
        return await response.text()
