"""Hostile words in every field of every page stay words."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from html import unescape
from typing import Any
from urllib.parse import urlencode, urlsplit

import html5lib
from aiohttp import ClientSession, CookieJar

from relay.console.access.browser import csrf_of
from relay.console.site import ACTIONS, VIEWS
from relay.store import Store
from tests.console.hostile_store import WORDS, hostile_console
from tests.console.operators import Listening, listening
from tests.support.auth import SAME
from tests.support.clock import Clock
from tests.support.console import console
from tests.support.stage import SECRET

MOST = 10  # pages of a view that are read; of lists, each shows dozens of words
APART = 8  # of the words, each field has every so many, and its neighbour the next ones
ID = "x" * 43
FRAMED = "/html"
NEVER = {"base", "object", "embed", "style", "math", "img", "audio", "video", "frame", "foreignobject"}
FETCHING = {"href", "src", "action", "formaction", "srcset", "data", "poster", "background"}
ASKING = re.compile(r"hx-(get|trigger|select|target|swap)|hx-ext|hx-headers")


def planted(html: str) -> list[str]:
    """Return what has no business in a page of the console."""
    faults = []
    for element in html5lib.parse(html, namespaceHTMLElements=False).iter():
        if not isinstance(element.tag, str):
            continue
        if element.tag.lower() in NEVER or (element.tag == "script" and element.get("src") is None):
            faults.append(f"<{element.tag}>")
        for name, value in element.items():
            if re.search("^on|^style$|srcdoc|planted|http-equiv", name) or (
                name.startswith(("hx-", "data-hx")) and not ASKING.fullmatch(name)
            ):
                faults.append(f"{element.tag} {name}")
            if name in FETCHING and not leads_home(element, value):
                faults.append(f"{element.tag} {name}={value}")
    return faults


def leads_home(element: Any, value: str) -> bool:
    address = urlsplit(value.strip())
    if address.scheme or address.netloc:
        permalink = f"{address.scheme}://{address.netloc}" == "https://acme.slack.com"
        return permalink and element.tag == "a" and element.get("rel") == "noreferrer"
    return value.startswith(("/console", "?", "#"))


async def test_what_others_word_stays_words_on_every_page(open_store: Callable[..., Store], clock: Clock) -> None:
    store = open_store()
    await store.prepare()
    async with hostile_console(store, clock) as page, listening(page.context) as here:
        cookies = await here.session(ID, name=WORDS["script"])
        async with ClientSession(cookies=cookies, cookie_jar=CookieJar(unsafe=True)) as client:
            known = await read_all(client, here)
            assert {view.path for view in VIEWS} <= known.keys(), "a page to which no other leads"
            assert {f"{view.path}{FRAMED}" for view in VIEWS if view.html} <= known.keys()
            for view in VIEWS:
                for address in known[view.path][:2]:
                    url = here.url + address.replace("/console/", "/api/v1/", 1)
                    async with client.get(url, headers={"Authorization": f"Bearer {SECRET}"}) as response:
                        assert response.status != 401, address
                        assert response.content_type in ("application/json", "application/problem+json"), address

    for answer in here.answers:
        framed = answer.path.endswith(FRAMED)
        if answer.path.startswith("/console"):
            policy = answer.headers["Content-Security-Policy"]
            strict = "sandbox; default-src 'none';" if framed else "default-src 'self'; frame-ancestors 'none';"
            assert policy.startswith(strict), answer
            assert answer.headers["X-Frame-Options"] == ("SAMEORIGIN" if framed else "DENY"), answer
        assert answer.headers["X-Content-Type-Options"] == "nosniff", answer


async def read_all(client: ClientSession, here: Listening) -> dict[str, list[str]]:
    """Return every view with the addresses that pages lead to; of each, some are read."""
    known, read = defaultdict[str, list[str]](list), set[str]()
    known["/now"] = ["/console/now"]
    while addresses := [one for some in known.values() for one in some[:MOST] if one not in read]:
        for address in addresses:
            read.add(address)
            async with client.get(here.url + address) as response:
                text = await response.text()
            assert response.status in (200, 400, 404), address
            if address.partition("?")[0].endswith(FRAMED) or response.content_type != "text/html":
                continue
            assert planted(text) == [], address
            for link in re.findall(r'(?:href|src)="(/console/[^"#]+)', text):
                more = unescape(link)
                path = more.partition("?")[0].removeprefix("/console")
                if more not in known[path]:
                    known[path].append(more)
    return known


async def test_what_one_asks_and_fills_in_stays_words(store: Store, clock: Clock) -> None:
    async with console(store, clock) as page, listening(page.context) as here:
        cookies = await here.session(ID)
        async with ClientSession(cookies=cookies, cookie_jar=CookieJar(unsafe=True)) as client:
            for address in questions():
                async with client.get(here.url + address) as response:
                    assert planted(await response.text()) == [], address
            for path, fields in forms():
                async with client.post(f"{here.url}/console{path}", data=fields, headers=SAME) as response:
                    assert response.status == 200
                    assert planted(await response.text()) == [], fields


def questions() -> Iterator[str]:
    """Yield each page with a hostile word in each of its fields, and in one that no page has."""
    words = [*WORDS.values()]
    for number, view in enumerate(VIEWS):
        fields = view.question.model_fields
        required = {field.alias or name: "x" for name, field in fields.items() if field.is_required()}
        for offset, name in enumerate([*(field.alias or name for name, field in fields.items()), "lang", "none"]):
            for word in words[(number + offset) % APART :: APART]:
                yield f"/console{view.path}?{urlencode({**required, name: word})}"


def forms() -> Iterator[tuple[str, dict[str, Any]]]:
    good: dict[str, dict[str, Any]] = {
        "/source/try": {"name": "foreign", "document": "{}"},
        "/destinations/pause": {"name": "room", "reason": "x"},
        "/destinations/allow": {"destination": "english", "address": "x"},
        "/silences/add": {"destination": "room", "lasts": "2h", "reason": "x"},
    }
    words = [*WORDS.values()]
    for number, action in enumerate(ACTIONS):
        for offset, name in enumerate([*action.form.model_fields, "none", "back"]):
            for word in words[(number + offset) % APART :: APART]:
                fields = {"csrf": csrf_of(ID), "back": "/console/silences", **good.get(action.path, {}), name: word}
                yield action.path, fields
