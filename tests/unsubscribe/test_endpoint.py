"""The unsubscribe page: looking changes nothing, one click suffices, and a link does what it was made for alone."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import aiohttp
import html5lib
import pytest
import yarl
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from relay.domain.deliveries import Delivery
from relay.domain.tokens import Signing
from relay.errors import InvalidSignature
from relay.receiving.addresses import Addresses
from relay.receiving.guard import Guard
from relay.receiving.server import serve
from relay.store import Store
from relay.store.audit import AuditTrail
from relay.store.queries.suppressions import ADDED, BOUNCED, UNSUBSCRIBED, Suppressions
from relay.unsubscribe.endpoint import LIMIT, PURPOSE, RECORDED, Unsubscribe
from tests.support import events
from tests.support.audit import acts_of
from tests.support.clock import Clock
from tests.support.waiting import until

SIGNING = Signing(lambda: [b"k" * 32])
ANALYST = "analyst@example.com"
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@dataclass
class Page:
    """A running page, the list that it writes to, and a browser without cookies."""

    url: str
    link: str
    suppressions: Suppressions
    secrets: list[bytes]  # of relay, the newest first
    unsubscribe: Unsubscribe
    open: Callable[[], Collection[Any]]  # the connections that there are

    async def ask(
        self, method: str = "GET", link: str = "", accept: str = "", **sent: Any
    ) -> tuple[int, str, Mapping[str, str]]:
        headers = {"Accept-Language": accept} if accept else {}
        async with (
            aiohttp.ClientSession(headers=headers, cookie_jar=aiohttp.DummyCookieJar()) as client,
            client.request(method, link or self.link, **sent) as answer,
        ):
            assert "Set-Cookie" not in answer.headers
            return answer.status, await answer.text(), answer.headers

    async def reason(self) -> str:
        return await self.suppressions.reason("analysts", ANALYST)


def delivery(destination: str = "analysts", channel: str = "email") -> Delivery:
    event = events.completed()
    at = datetime(2024, 1, 20, tzinfo=UTC)
    return Delivery("d", "l", destination, channel, ANALYST, "each", event, (event,), {}, 1, at)


@pytest.fixture
async def page(store: Store, clock: Clock) -> AsyncIterator[Page]:
    suppressions, secrets, address = Suppressions(store), [b"k" * 32], [""]
    unsubscribe = Unsubscribe(
        suppressions, Signing(lambda: secrets), lambda: address[0], clock, audit=AuditTrail(store.plain)
    )
    guard = Guard()
    runner = await serve(Addresses(unsubscribe.routes()).answer, "127.0.0.1", 0, grace=1.0, guard=guard)
    host, port = runner.addresses[0][:2]
    address[0] = f"http://{host}:{port}/"
    try:
        link = await unsubscribe.link(delivery(), "en")
        yield Page(address[0], link, suppressions, secrets, unsubscribe, lambda: [*guard.connections])
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("facts", [(), ("analysts", ANALYST, "de"), ("", "grün@example.com"), ("a.b", 'x"\n\udcff')])
def test_a_token_says_what_it_was_made_for(facts: tuple[str, ...]) -> None:
    token = SIGNING.issue(PURPOSE, *facts)

    assert SIGNING.redeem(PURPOSE, token) == tuple(fact.replace("\udcff", "?") for fact in facts)
    assert re.fullmatch(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{27}", token)
    assert token == SIGNING.issue(PURPOSE, *facts) != SIGNING.issue(PURPOSE, *facts, "")


def test_no_spoiled_token_is_good() -> None:
    token = SIGNING.issue(PURPOSE, "analysts", ANALYST, "de")
    letters = [token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :] for at in range(len(token))]
    spoiled = [*letters, token[:-1], token + "A", token + "=", "." + token, token.replace(".", ""), "", ".", "ä.ö"]
    spoiled.append("a.\ud800")  # what JSON can say, and no encoding
    spoiled += [
        SIGNING.issue("invite", "analysts", ANALYST, "de"),
        Signing(lambda: [b"x" * 32]).issue(PURPOSE, "analysts", ANALYST, "de"),
    ]
    for one in spoiled:
        with pytest.raises(InvalidSignature):
            SIGNING.redeem(PURPOSE, one)


async def test_looking_changes_nothing_however_often(page: Page) -> None:
    status, text, headers = await page.ask()

    assert (status, text.count("<button"), text.count('<form method="post"')) == (200, 1, 1)
    assert ANALYST in text
    assert "“analysts”" in text
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert headers["Referrer-Policy"] == "no-referrer"
    assert not re.search(r"https?:|src=|<script|<link|url\(", text)  # nothing comes from elsewhere
    methods, prefetch = ("HEAD", "GET", "PUT", "DELETE", "OPTIONS"), {"Sec-Purpose": "prefetch;prerender"}
    assert [(await page.ask(method, headers=prefetch))[0] for method in methods] == [200, 200, 405, 405, 405]
    assert await page.suppressions.all() == []


@pytest.mark.parametrize("multipart", [False, True, None])
async def test_one_post_without_a_cookie_suffices(multipart: bool | None, page: Page) -> None:
    form = None if multipart is None else aiohttp.FormData(ONE_CLICK, default_to_multipart=multipart)

    status, text, _ = await page.ask("POST", data=form)

    assert (status, await page.reason()) == (200, UNSUBSCRIBED)
    assert "Unsubscribed" in text
    assert await page.suppressions.reason("analysts-daily", ANALYST) == ""  # other lists go on


async def test_it_is_done_once_taken_back_and_written_down_without_the_right_to_do_it(page: Page, store: Store) -> None:
    with capture_logs() as lines:
        first, second = [(await page.ask("POST", data=ONE_CLICK))[:2] for _ in range(2)]
        offered = re.findall(r'<button name="([^"]*)"', (await page.ask())[1])
        status, text, _ = await page.ask("POST", data={"undo": "1"})

    assert first == second
    assert (offered, status, "Subscribed again" in text, await page.reason()) == (["undo"], 200, True, "")
    acts = await acts_of(store.redis)
    assert [(act.actor, act.action, act.address, act.subject, act.outcome) for act in acts] == [
        ("reader", "unsubscribe", ANALYST, "at analysts", "done"),
        ("reader", "unsubscribe", ANALYST, "at analysts", "nothing to change"),
        ("reader", "resubscribe", ANALYST, "at analysts", "done"),
    ]
    token = page.link.rpartition("/")[2]
    assert [line["event"] for line in lines if line["event"] != "audit"] == [
        "address.unsubscribed", "address.resubscribed",
    ]  # fmt: skip
    assert not any(secret in f"{lines}{acts!r}" for secret in (token, token.partition(".")[0]))
    assert ANALYST not in str(lines)


async def test_one_link_displaces_little_in_the_audit_trail(page: Page, store: Store) -> None:
    for _ in range(RECORDED.count + 3):
        assert (await page.ask("POST", data=ONE_CLICK))[0] == 200

    assert len(await acts_of(store.redis)) == RECORDED.count


@pytest.mark.parametrize("reason", [BOUNCED, ADDED])
async def test_other_reasons_are_not_said_to_be_the_readers_and_not_lifted(reason: str, page: Page) -> None:
    await page.suppressions.add(ANALYST, "analysts", reason=reason)

    _, text, _ = await page.ask()
    await page.ask("POST", data={"undo": "1"})

    assert re.findall(r'<button name="([^"]*)"', text) == ["List-Unsubscribe"]
    assert "no longer" not in text
    assert await page.reason() == reason


async def test_wrong_links_lead_to_a_clear_page_and_long_bodies_are_refused(page: Page) -> None:
    assert (await page.ask("POST", data={"List-Unsubscribe": "x" * 5_000}))[0] == 413
    good = page.link.rpartition("/")[2]
    console = SIGNING.issue("console", "analysts", ANALYST, "en")
    for token in (console, good[:-1], good.swapcase(), "x", "%00", good.partition(".")[0]):
        for method in ("GET", "POST"):
            status, text, _ = await page.ask(method, f"{page.url}unsubscribe/{token}")
            assert (status, "This link does not work" in text, "<form" in text) == (404, True, False)
    assert await page.suppressions.all() == []


async def test_links_outlive_a_restart_and_a_new_secret_until_their_own_is_removed(
    page: Page, store: Store, clock: Clock
) -> None:
    for url, link in ((page.url, page.link), ("", "")):
        again = Unsubscribe(Suppressions(store), SIGNING, partial(str, url), clock)
        assert await again.link(delivery(), "en") == link
    page.secrets.insert(0, b"n" * 32)
    assert await page.unsubscribe.link(delivery(), "en") != page.link
    assert (await page.ask("POST", data=ONE_CLICK))[0] == 200
    page.secrets.pop()
    status, text, _ = await page.ask("POST", data=ONE_CLICK)
    assert (status, "take the one in the newest mail" in text) == (404, True)


async def test_without_a_secret_there_are_no_links_and_older_ones_lead_to_a_page(page: Page) -> None:
    page.secrets.clear()

    assert await page.unsubscribe.link(delivery(), "en") == ""
    status, text, _ = await page.ask()
    assert (status, "take the one in the newest mail" in text) == (404, True)


async def test_a_link_that_is_opened_too_often_is_put_off_alone_and_junk_counts_for_nobody(page: Page) -> None:
    other = await page.unsubscribe.link(delivery("others"), "en")
    for _ in range(LIMIT.count):
        await page.ask("HEAD")
        await page.ask("GET", f"{page.url}unsubscribe/junk.junk")

    status, text, headers = await page.ask("POST", data=ONE_CLICK)

    assert (status, headers["Retry-After"], await page.reason()) == (429, "1", "")
    assert "Not just now" in text
    assert (await page.ask("POST", other, data=ONE_CLICK))[0] == 200


async def test_only_the_body_of_a_genuine_link_is_asked_for(page: Page) -> None:
    with capture_logs() as lines:
        reader, writer = await connected(page, "junk.junk", expect=False)
        assert (await reader.readline()).startswith(b"HTTP/1.1 404")
        writer.close()
        reader, writer = await connected(page, page.link.rpartition("/")[2])
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"List-Unsubscribe=One-Click".ljust(LENGTH, b"&"))
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()

    assert [line["peer"] for line in lines if line["event"] == "unsubscribe.refused"] == ["127.0.0.1"]


async def test_requests_that_are_broken_off_are_no_fault_of_relay(page: Page) -> None:
    before = REGISTRY.get_sample_value("relay_unexpected_errors_total")
    with capture_logs() as lines:
        for number in range(20):
            link = await page.unsubscribe.link(delivery(f"list-{number}"), "en")
            reader, writer = await connected(page, link.rpartition("/")[2])
            await reader.readline()
            writer.write(b"List-")
            writer.transport.abort()
        await until(lambda: not page.open())

    assert REGISTRY.get_sample_value("relay_unexpected_errors_total") == before
    assert [line for line in lines if line["log_level"] == "error"] == []
    assert await page.suppressions.all() == []


LENGTH = 100


async def connected(
    page: Page, token: str, *, expect: bool = True
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A POST whose body is still to come. `expect`: until relay asks for it, which it does once it reads it."""
    address = yarl.URL(page.url)
    reader, writer = await asyncio.open_connection(address.host, address.port)
    asked = "Expect: 100-continue\r\n" if expect else ""
    form = "Content-Type: application/x-www-form-urlencoded"
    head = f"POST /unsubscribe/{token} HTTP/1.1\r\nHost: x\r\n{form}\r\nContent-Length: {LENGTH}\r\n{asked}\r\n"
    writer.write(head.encode())
    return reader, writer


@pytest.mark.parametrize(
    ("language", "accept", "titles"),
    [
        ("en", "fr", ["Unsubscribe?", "Unsubscribed", "Subscribed again", "This link does not work"]),
        ("de", "fr, de;q=0.8", ["Abbestellen?", "Abbestellt", "Wieder bestellt", "Dieser Link funktioniert nicht"]),
    ],
)  # what is accepted counts where the link is no link
async def test_every_page_is_valid_in_the_mails_language_and_without_one_in_the_browsers(
    language: str, accept: str, titles: list[str], page: Page
) -> None:
    link = await page.unsubscribe.link(replace(delivery("<b>x</b>"), address="<b>y</b>@example.com"), language)
    asked = [("GET", link, None), ("POST", link, ONE_CLICK), ("POST", link, {"undo": "1"}), ("GET", link + "x", None)]
    for (method, where, data), title in zip(asked, titles, strict=True):
        text = (await page.ask(method, where, accept, data=data))[1]
        parser = html5lib.HTMLParser(strict=False, namespaceHTMLElements=False)
        document = parser.parse(text)
        assert parser.errors == []
        assert document.get("lang") == language
        assert [heading.text for heading in document.findall(".//h1")] == [title]
        assert "<b>" not in text
        assert ("&lt;b&gt;x" in text and "&lt;b&gt;y" in text) is (where == link)
