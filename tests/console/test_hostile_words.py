"""Hostile words through every field on every page, in a browser: they stay words."""

import asyncio
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp import ClientSession, CookieJar

from relay.console.access.browser import csrf_of
from relay.console.site import ACTIONS, VIEWS
from relay.store import Store
from relay.store.copying import COPIES
from tests.console.hostile_store import hostile_console
from tests.console.hostile_words import MARK, WORDS
from tests.console.operators import Answered, Listening, listening
from tests.console.planted import BEGIN, LOOK
from tests.support.auth import SAME
from tests.support.browser import Browser, needs_chromium
from tests.support.clock import Clock
from tests.support.console import console

OF_EACH = 8  # pages of a view that are read; of lists, each shows dozens of words
AT_ONCE = 20
APART = 12  # of so many words one for each field, and another one for the next
FRAMED = "/html"
ID = "x" * 43
HARMLESS = {"template"}  # to a browser: other programs read it
POLICIES = {
    True: "sandbox; default-src 'none';",
    False: "default-src 'self'; frame-ancestors 'none';",
}  # framed, and not
DRAWN = re.compile(r"sandbox allow-scripts; default-src 'none'; .*; script-src 'nonce-[\w-]{20,}'")  # Slack's messages


@needs_chromium
@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_what_others_word_stays_words_on_every_page(open_store: Callable[..., Store], clock: Clock) -> None:
    store = open_store(copies=COPIES)
    await store.prepare()
    async with hostile_console(store, clock) as page, listening(page.context) as here:
        cookies = await here.session(ID, name=WORDS["script"])

        def look() -> dict[str, list[str]]:
            with Browser() as browser:
                _begin(browser, here, cookies)
                known = _read_all(browser)
                for addresses in known.values():
                    _show(browser, here, addresses[0])
            return known

        known = await asyncio.to_thread(look)

        assert {view.path for view in VIEWS} <= known.keys(), "a page to which no other leads"
        assert {f"{view.path}{FRAMED}" for view in VIEWS if view.html} <= known.keys()
        assert [answer.path for answer in here.answers if MARK in answer.path] == []
        _check_headers(here.answers)
        async with ClientSession(cookies=cookies) as client:
            await _check_streams(client, here, known)
            await _check_json(client, here, known)


@needs_chromium
@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_what_one_asks_and_fills_in_stays_words(store: Store, clock: Clock) -> None:
    async with console(store, clock) as page, listening(page.context) as here:
        cookies = await here.session(ID)
        filled = await _filled_in(here, cookies)

        def look() -> None:
            with Browser() as browser:
                _begin(browser, here, cookies)
                for batch in _batches([*_questions()]):
                    assert [row for row in browser.ask(f"read({json.dumps(batch)})") if row[2]] == []
                for text in filled:
                    assert browser.ask(f"planted(parsed({json.dumps(text)}))") == [], text

        await asyncio.to_thread(look)
        assert [answer.path for answer in here.answers if MARK in answer.path] == []


@needs_chromium
@pytest.mark.slow
def test_the_look_finds_what_is_planted() -> None:
    with Browser() as browser:
        browser.begin_with(BEGIN)
        browser.show("<title>x</title>", width=800)
        browser.ask(LOOK)
        for name, word in WORDS.items():
            main = f"<main>{word}<a href=\"{word}\">x</a><b title='{word}' class={word}></b></main>"
            page = json.dumps(f"<header></header>{main}<footer></footer>")
            faults = browser.ask(f"planted(parsed({page}))")
            assert bool(faults) is (name not in HARMLESS), name

        browser.show(f"<main>{WORDS['picture']}</main>", width=800)
        assert browser.ask("signs") == ["ran: picture"]
        policy = f'<meta http-equiv="Content-Security-Policy" content="default-src \'none\'">{WORDS["script"]}'
        browser.show(policy, width=800)
        (sign,) = browser.ask("signs")
        assert sign.startswith("against the policy: script-src-elem inline")


def _begin(browser: Browser, here: Listening, cookies: Mapping[str, str]) -> None:
    browser.carry(here.url, cookies)
    browser.begin_with(BEGIN)
    browser.show(f"{here.url}/console/audit", width=1000)
    browser.ask(LOOK)


def _read_all(browser: Browser) -> dict[str, list[str]]:
    """Every view with a few addresses that pages lead to, all of them read and found in order."""
    known, read = defaultdict[str, list[str]](list), set[str]()
    known["/now"] = ["/console/now"]
    while addresses := [*_unread(known, read)]:
        read.update(addresses)
        for batch in _batches(addresses):
            for address, status, faults, leading in browser.ask(f"read({json.dumps(batch)})"):
                framed = address.partition("?")[0].endswith(FRAMED)
                assert status in (200, 400, 404), address
                assert framed or not faults, f"{address}: {faults}"
                for more in leading if not framed else ():
                    path = more.partition("?")[0].removeprefix("/console")
                    if more not in known[path]:
                        known[path].append(more)
    return known


def _unread(known: Mapping[str, list[str]], read: set[str]) -> Iterator[str]:
    """The next of each view, from all over the list of those that are known."""
    for addresses in known.values():
        left = OF_EACH - len(read.intersection(addresses))
        fresh = [address for address in addresses if address not in read]
        yield from fresh[:: max(1, len(fresh) // left)][:left] if left > 0 else ()


def _show(browser: Browser, here: Listening, address: str) -> None:
    """As somebody who looks at it; what is kept up to date has come once more."""
    browser.show(here.url + address, width=1000)
    assert browser.ask("signs") == [], address
    if FRAMED in address:
        return
    browser.ask(LOOK)
    assert browser.ask("document.contentType === 'text/html' ? planted(document) : []") == [], address


def _check_headers(answers: Sequence[Answered]) -> None:
    pages = [answer for answer in answers if answer.path.startswith("/console")]
    for answer in pages:
        framed = answer.path.endswith(FRAMED)
        policy = answer.headers["Content-Security-Policy"]
        drawn = framed and DRAWN.fullmatch(policy)
        assert drawn or policy.startswith(POLICIES[framed]), answer
        assert "unsafe" not in policy.replace("style-src 'unsafe-inline'", ""), answer
        assert answer.headers["X-Content-Type-Options"] == "nosniff", answer
        assert answer.headers["X-Frame-Options"] == ("SAMEORIGIN" if framed else "DENY"), answer
        assert answer.headers["Cache-Control"] in ("no-store", "no-cache"), answer  # of a stream, which nobody keeps
    assert len(pages) > 100


async def _check_streams(client: ClientSession, here: Listening, known: Mapping[str, list[str]]) -> None:
    """Nothing that is said in a part that lives begins a line of its own."""
    for view in VIEWS:
        for address in known[view.path][:5] if view.live else ():
            url = here.url + address.replace("/console/", "/console/live/", 1)
            async with client.get(url) as response:
                if response.status != 200:
                    continue
                part = await response.content.readuntil(b"\r\n\r\n")
            assert part.count(b"data: ") > 10
            assert {line[:6] for line in part.removesuffix(b"\r\n\r\n").split(b"\r\n")} == {b"data: "}
            assert b"\r" not in part.replace(b"\r\n", b""), part


async def _check_json(client: ClientSession, here: Listening, known: Mapping[str, list[str]]) -> None:
    for view in VIEWS:
        for address in known[view.path][:5]:
            async with client.get(here.url + address.replace("/console/", "/api/v1/", 1)) as response:
                assert response.content_type in ("application/json", "application/problem+json"), address
                assert response.headers["X-Content-Type-Options"] == "nosniff"
                assert response.headers["Cache-Control"] == "no-store"


def _questions() -> Iterator[str]:
    """Each field of each page with hostile words, and a field that no page has."""
    for number, view in enumerate(VIEWS):
        fields = [field.alias or name for name, field in view.question.model_fields.items()]
        for offset, name in enumerate([*fields, "lang", "none"]):
            for word in [*WORDS.values()][(number + offset) % APART :: APART]:
                others = {field: "x" for field in fields if view.question.model_fields.get(field) and field != name}
                required = {
                    field: text for field, text in others.items() if view.question.model_fields[field].is_required()
                }
                yield f"/console{view.path}?{urlencode({**required, name: word})}"


async def _filled_in(here: Listening, cookies: Mapping[str, str]) -> list[str]:
    """Each field of each form is sent with hostile words; the pages that say what came of it."""
    pages = []
    jar = CookieJar(unsafe=True)
    async with ClientSession(cookies=cookies, cookie_jar=jar) as client:
        for number, action in enumerate(ACTIONS):
            for offset, name in enumerate([*action.form.model_fields, "none", "back"]):
                for word in [*WORDS.values()][(number + offset) % APART :: APART]:
                    fields = {"csrf": csrf_of(ID), "back": "/console/silences", **GOOD.get(action.path, {}), name: word}
                    async with client.post(f"{here.url}/console{action.path}", data=fields, headers=SAME) as response:
                        assert response.status == 200
                        pages.append(await response.text())
    return pages


# What else an action wants, for its field with a word to be looked at.
GOOD: Mapping[str, dict[str, Any]] = {
    "/destinations/pause": {"name": "room", "reason": "x"},
    "/destinations/allow": {"destination": "english", "address": "x"},
    "/silences/add": {"destination": "room", "lasts": "2h", "reason": "x"},
}


def _batches(addresses: Sequence[str]) -> Iterator[Sequence[str]]:
    return (addresses[start : start + AT_ONCE] for start in range(0, len(addresses), AT_ONCE))
