"""The unsubscribe page: looking changes nothing, one click suffices, and a link does what it was made for alone."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp
import html5lib
import pytest
import yarl
from aiohttp import web
from structlog.testing import capture_logs

from relay.domain.deliveries import Delivery
from relay.domain.links import issue, redeem
from relay.errors import InvalidSignature
from relay.metrics import REGISTRY
from relay.receiving.guard import Guard
from relay.receiving.problems import answer_problems
from relay.receiving.server import serve
from relay.store import Store
from relay.store.audit import AuditTrail
from relay.store.signing_keys import SigningKeys
from relay.store.suppressions import ADDED, BOUNCED, UNSUBSCRIBED, Suppressions
from relay.unsubscribe.endpoint import LIMIT, PURPOSE, Unsubscribe
from tests.support import events
from tests.support.clock import Clock
from tests.support.waiting import until

KEY = b"k" * 32
ANALYST = "analyst@example.com"
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


class TestTokens:
    @pytest.mark.parametrize(
        "facts", [(), ("analysts", ANALYST, "de"), ("", "grün@example.com"), ("a.b", 'x"\n\udcff')]
    )
    def test_a_token_says_what_it_was_made_for(self, facts: tuple[str, ...]) -> None:
        said = redeem(KEY, "unsubscribe", issue(KEY, "unsubscribe", *facts))

        assert said == tuple(fact.replace("\udcff", "?") for fact in facts)

    def test_the_same_facts_are_the_same_token(self) -> None:
        assert issue(KEY, "unsubscribe", "a", "b") == issue(KEY, "unsubscribe", "a", "b")
        assert issue(KEY, "unsubscribe", "a", "b") != issue(KEY, "unsubscribe", "ab", "")

    def test_it_stands_in_an_address_as_it_is(self) -> None:
        assert re.fullmatch(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{27}", issue(KEY, "unsubscribe", "ä" * 50, "?/&"))

    def test_a_token_for_something_else_is_none(self) -> None:
        with pytest.raises(InvalidSignature):
            redeem(KEY, "unsubscribe", issue(KEY, "invite", "analysts", ANALYST, "de"))

    def test_another_key_makes_others(self) -> None:
        with pytest.raises(InvalidSignature):
            redeem(KEY, "unsubscribe", issue(b"x" * 32, "unsubscribe", "analysts", ANALYST, "de"))

    def test_no_spoiled_token_is_good(self) -> None:
        token = issue(KEY, "unsubscribe", "analysts", ANALYST, "de")
        letters = [token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :] for at in range(len(token))]
        spoiled = [*letters, token[:-1], token + "A", token + "=", "." + token, token.replace(".", ""), "", ".", "ä.ö"]
        spoiled.append("a.\ud800")  # what JSON can say, and no encoding

        for one in spoiled:
            with pytest.raises(InvalidSignature):
                redeem(KEY, "unsubscribe", one)


@dataclass
class Page:
    """A running page, the list that it writes to, and a browser without cookies."""

    url: str
    link: str
    suppressions: Suppressions
    keys: SigningKeys
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
    suppressions = Suppressions(store)
    address = [""]
    keys = SigningKeys(store)
    unsubscribe = Unsubscribe(suppressions, keys, lambda: address[0], clock, audit=AuditTrail(store.redis))
    app = web.Application(middlewares=[answer_problems])
    app.add_routes(unsubscribe.routes())
    guard = Guard()
    runner = await serve(app, "127.0.0.1", 0, grace=1.0, guard=guard)
    host, port = runner.addresses[0][:2]
    address[0] = f"http://{host}:{port}/"
    try:
        link = await unsubscribe.link(delivery(), "en")
        yield Page(address[0], link, suppressions, keys, unsubscribe, lambda: [*guard.connections])
    finally:
        await runner.cleanup()


class TestLooking:
    async def test_the_page_names_the_reader_and_the_list_and_has_one_button(self, page: Page) -> None:
        status, text, _ = await page.ask()

        assert (status, text.count("<button"), text.count('<form method="post"')) == (200, 1, 1)
        assert ANALYST in text
        assert "“analysts”" in text

    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    @pytest.mark.parametrize("headers", [{}, {"Purpose": "prefetch"}, {"Sec-Purpose": "prefetch;prerender"}])
    async def test_it_changes_nothing_however_often(self, method: str, headers: dict[str, str], page: Page) -> None:
        answers = [await page.ask(method, headers=headers) for _ in range(3)]

        assert [status for status, _, _ in answers] == [200] * 3
        assert await page.suppressions.all() == []

    @pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
    async def test_no_other_method_does_anything(self, method: str, page: Page) -> None:
        assert (await page.ask(method))[0] == 405
        assert await page.suppressions.all() == []


class TestUnsubscribing:
    @pytest.mark.parametrize("form", ["urlencoded", "multipart", "none"])
    async def test_one_post_without_a_cookie_suffices(self, form: str, page: Page) -> None:
        multipart = aiohttp.FormData(ONE_CLICK, default_to_multipart=True)
        sent = {"urlencoded": ONE_CLICK, "multipart": multipart, "none": None}[form]

        status, text, _ = await page.ask("POST", data=sent)

        assert (status, await page.reason()) == (200, UNSUBSCRIBED)
        assert "Unsubscribed" in text

    async def test_a_second_time_says_the_same(self, page: Page) -> None:
        first, second = [(await page.ask("POST", data=ONE_CLICK))[:2] for _ in range(2)]

        assert first == second
        assert len(await page.suppressions.all()) == 1

    async def test_the_page_then_offers_the_way_back_and_nothing_else(self, page: Page) -> None:
        await page.ask("POST", data=ONE_CLICK)

        _, text, _ = await page.ask()

        assert re.findall(r'<button name="([^"]*)"', text) == ["undo"]

    @pytest.mark.parametrize("reason", [BOUNCED, ADDED])
    async def test_it_does_not_say_of_who_is_not_written_to_for_another_reason_that_they_unsubscribed(
        self, reason: str, page: Page
    ) -> None:
        await page.suppressions.add(ANALYST, reason=reason)

        _, text, _ = await page.ask()

        assert re.findall(r'<button name="([^"]*)"', text) == ["List-Unsubscribe"]
        assert "no longer" not in text

    async def test_it_can_be_taken_back(self, page: Page) -> None:
        await page.ask("POST", data=ONE_CLICK)
        status, text, _ = await page.ask("POST", data={"undo": "1"})

        assert (status, await page.reason()) == (200, "")
        assert "Subscribed again" in text

    async def test_taking_it_back_does_not_lift_what_an_operator_said(self, page: Page) -> None:
        await page.suppressions.add(ANALYST, "analysts")
        await page.ask("POST", data={"undo": "1"})

        assert await page.reason() == "suppressed"

    async def test_other_lists_go_on(self, page: Page) -> None:
        await page.ask("POST", data=ONE_CLICK)

        assert await page.suppressions.reason("analysts-daily", ANALYST) == ""

    async def test_the_log_says_so_without_the_right_to_do_it(self, page: Page) -> None:
        with capture_logs() as lines:
            await page.ask("POST", data=ONE_CLICK)

        token = page.link.rpartition("/")[2]
        assert [line["event"] for line in lines] == ["address.unsubscribed", "audit"]
        assert ANALYST not in str(lines)
        assert token not in str(lines)
        assert token.partition(".")[0] not in str(lines)

    async def test_the_audit_trail_says_whose_address_it_was(self, page: Page, store: Store) -> None:
        await page.ask("POST", data=ONE_CLICK)
        await page.ask("POST", data=ONE_CLICK)
        await page.ask("POST", data={"undo": "1"})

        acts = await AuditTrail(store.redis).entries()
        assert [(act.actor, act.action, act.address, act.subject, act.outcome) for act in acts] == [
            ("reader", "unsubscribe", ANALYST, "at analysts", "done"),
            ("reader", "unsubscribe", ANALYST, "at analysts", "nothing to change"),
            ("reader", "resubscribe", ANALYST, "at analysts", "done"),
        ]
        assert page.link.rpartition("/")[2] not in repr(acts)

    async def test_a_long_body_is_refused(self, page: Page) -> None:
        status, _, _ = await page.ask("POST", data={"List-Unsubscribe": "x" * 5_000})

        assert (status, await page.reason()) == (413, "")


class TestWrongLinks:
    async def spoiled(self, page: Page) -> list[str]:
        key = await page.keys.current()
        good = page.link.rpartition("/")[2]
        tokens = [
            issue(key, "console", "analysts", ANALYST, "en"), issue(b"another key", PURPOSE, "analysts", ANALYST, "en"),
            good[:-1], good + "A", good.swapcase(), "x", "%00", good.partition(".")[0],
        ]  # fmt: skip
        return [f"{page.url}unsubscribe/{token}" for token in tokens]

    @pytest.mark.parametrize("method", ["GET", "POST"])
    async def test_they_lead_to_a_clear_page_and_change_nothing(self, method: str, page: Page) -> None:
        for link in await self.spoiled(page):
            status, text, _ = await page.ask(method, link)

            assert status == 404
            assert "This link does not work" in text
            assert "<form" not in text
        assert await page.suppressions.all() == []

    async def test_a_link_goes_on_working_after_a_restart(self, page: Page, store: Store, clock: Clock) -> None:
        again = Unsubscribe(Suppressions(store), SigningKeys(store), lambda: page.url, clock)

        assert await again.link(delivery(), "en") == page.link

    async def test_a_link_goes_on_working_after_a_rotation(self, page: Page, store: Store) -> None:
        await page.keys.rotate(await store.time(), 60)

        assert await page.unsubscribe.link(delivery(), "en") != page.link
        assert (await page.ask("POST", data=ONE_CLICK))[0] == 200

    async def test_a_link_of_a_key_that_is_forgotten_works_no_longer(self, page: Page, store: Store) -> None:
        await page.keys.rotate(await store.time(), 0)

        assert (await page.ask("POST", data=ONE_CLICK))[0] == 404

    async def test_a_link_for_another_list_is_another(self, page: Page) -> None:
        assert await page.unsubscribe.link(delivery("others"), "en") != page.link

    async def test_only_mails_have_one_and_only_where_the_outside_has_a_way_in(
        self, store: Store, clock: Clock
    ) -> None:
        hidden = Unsubscribe(Suppressions(store), SigningKeys(store), lambda: "", clock)

        assert await hidden.link(delivery(), "en") == ""

    async def test_slack_messages_have_none(self, page: Page) -> None:
        assert await page.unsubscribe.link(delivery(channel="slack"), "en") == ""


class TestStrangers:
    @pytest.mark.slow
    async def test_junk_uses_up_nobodys_share(self, page: Page) -> None:
        junk = f"{page.url}unsubscribe/junk.junk"
        for _ in range(20):  # fewer at a time than one address may have connections
            statuses = await asyncio.gather(*(page.ask("GET", junk) for _ in range(100)))
            assert {status for status, _, _ in statuses} == {404}

        assert (await page.ask("POST", data=ONE_CLICK))[0] == 200
        assert await page.reason() == UNSUBSCRIBED

    async def test_a_link_that_is_opened_too_often_is_put_off_alone(self, page: Page) -> None:
        other = await page.unsubscribe.link(delivery("others"), "en")
        for _ in range(LIMIT.count):
            await page.ask("HEAD")

        status, text, headers = await page.ask("POST", data=ONE_CLICK)

        assert (status, headers["Retry-After"], await page.reason()) == (429, "1", "")
        assert "Not just now" in text
        assert (await page.ask("POST", other, data=ONE_CLICK))[0] == 200

    async def test_the_body_of_a_stranger_is_not_waited_for(self, page: Page) -> None:
        reader, writer = await connected(page, "junk.junk", expect=False)

        with capture_logs() as lines:
            assert (await reader.readline()).startswith(b"HTTP/1.1 404")

        assert [(line["event"], line["peer"]) for line in lines] == [("unsubscribe.refused", "127.0.0.1")]
        writer.close()

    async def test_a_body_is_asked_for_once(self, page: Page) -> None:
        reader, writer = await connected(page, page.link.rpartition("/")[2])
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"List-Unsubscribe=One-Click".ljust(LENGTH, b"&"))

        assert (await reader.readline()).startswith(b"HTTP/1.1 200")

        writer.close()

    @pytest.mark.slow
    @pytest.mark.parametrize("genuine", [True, False])
    async def test_requests_that_are_broken_off_are_no_fault_of_relay(self, genuine: bool, page: Page) -> None:
        before = REGISTRY.get_sample_value("relay_unexpected_errors_total")
        with capture_logs() as lines:
            for number in range(20):
                link = await page.unsubscribe.link(delivery(f"list-{number}"), "en")
                token = link.rpartition("/")[2] if genuine else "a.b"
                await asyncio.gather(*(broken_off(page, token, expect=genuine) for _ in range(50)))
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
    writer.write(
        f"POST /unsubscribe/{token} HTTP/1.1\r\nHost: x\r\n{form}\r\nContent-Length: {LENGTH}\r\n{asked}\r\n".encode()
    )
    return reader, writer


async def broken_off(page: Page, token: str, *, expect: bool) -> None:
    """Half a request, and a reset once relay has begun with it."""
    reader, writer = await connected(page, token, expect=expect)
    await reader.readline()  # 100, or 404
    writer.write(b"List-")
    writer.transport.abort()


class TestWording:
    async def pages(self, page: Page, link: str, accept: str = "") -> list[str]:
        return [
            (await page.ask("GET", link, accept))[1],
            (await page.ask("POST", link, accept, data=ONE_CLICK))[1],
            (await page.ask("POST", link, accept, data={"undo": "1"}))[1],
            (await page.ask("GET", link + "x", accept))[1],
        ]

    async def test_a_german_mail_leads_to_german_pages(self, page: Page) -> None:
        link = await page.unsubscribe.link(delivery(), "de")

        titles = [re.findall("<h1>(.*)</h1>", text)[0] for text in await self.pages(page, link, "de-AT, en;q=0.5")]

        assert titles == ["Abbestellen?", "Abbestellt", "Wieder bestellt", "Dieser Link funktioniert nicht"]

    async def test_without_a_language_of_ours_it_is_the_browsers_else_english(self, page: Page) -> None:
        wrong = f"{page.url}unsubscribe/x"

        assert "funktioniert nicht" in (await page.ask(link=wrong, accept="fr, de;q=0.8"))[1]
        assert "does not work" in (await page.ask(link=wrong, accept="fr"))[1]

    @pytest.mark.parametrize("language", ["en", "de"])
    async def test_every_page_is_valid_and_says_its_language(self, language: str, page: Page) -> None:
        link = await page.unsubscribe.link(delivery(), language)
        for text in await self.pages(page, link, language):
            parser = html5lib.HTMLParser(strict=False, namespaceHTMLElements=False)
            document = parser.parse(text)

            assert parser.errors == []
            assert document.get("lang") == language
            assert len(document.findall(".//h1")) == 1
            assert document.find(".//title") is not None

    async def test_no_name_becomes_markup(self, page: Page) -> None:
        link = await page.unsubscribe.link(delivery("<b>x</b>"), "en")

        _, text, _ = await page.ask(link=link)

        assert "&lt;b&gt;x" in text
        assert "<b>" not in text

    async def test_nothing_comes_from_elsewhere_and_nothing_leads_there(self, page: Page) -> None:
        _, text, headers = await page.ask()

        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "unsafe" not in policy
        assert headers["Referrer-Policy"] == "no-referrer"
        assert not re.search(r"https?:|src=|<script|<link|url\(", text)
