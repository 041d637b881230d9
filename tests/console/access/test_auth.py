"""Authentication of pages and JSON: who gets there, who may act, and what browsers have to keep to."""

from collections.abc import Mapping

import pytest
from pydantic import SecretStr

from relay.receiving.tls import Admin
from relay.store import Store
from tests.support.auth import SAME, TOKEN, TOKENS, Browser, Served, console, served
from tests.support.clock import Clock

OWN = "Hc5Yt8Rw2Qn6Vb9Ls3Kd7Fg1Jx4Zp0Mm"
ADDRESSES = (
    "/console", "/console/", "/console/now", "/console/login", "/console/enter/x", "/console/static/console.css",
    "/console/oidc/start", "/api/v1", "/api/v1/now", "/console/nowhere",
)  # fmt: skip


async def acting(browser: Browser, headers: Mapping[str, str] = SAME, **fields: str) -> int:
    return (await browser.post("/console/act", fields, headers)).status


class TestWhereNobodyCanComeIn:
    @pytest.mark.parametrize("method", ["GET", "POST"])
    async def test_there_is_no_console(self, store: Store, clock: Clock, method: str) -> None:
        async with served(console(), store, clock, loopback=False) as here, here.browser() as browser:
            nowhere = await browser.ask(method, "/nowhere")
            pages = [await browser.ask(method, address) for address in ADDRESSES]

        varying = ("Date", "Content-Length")
        shown = [
            (page.status, page.text, {name: page.headers[name] for name in page.headers if name not in varying})
            for page in (nowhere, *pages)
        ]
        assert shown == [shown[0]] * len(shown)
        assert nowhere.status == 404

    async def test_a_reload_opens_it_and_closes_it(self, store: Store, clock: Clock) -> None:
        async with served(console(), store, clock, loopback=False) as here, here.browser() as browser:
            assert (await browser.get("/console/login")).status == 404
            here.config = console(TOKENS)
            assert (await browser.get("/console/login")).status == 200
            assert (await browser.get("/console/oidc/callback")).status == 404  # no provider is configured
            here.config = console()
            assert (await browser.get("/console/login")).status == 404


class TestTheListenersToken:
    async def test_it_is_not_what_the_console_asks_for(self, store: Store, clock: Clock) -> None:
        admin = Admin(host="0.0.0.0", token=SecretStr(OWN))
        config = console(TOKENS)
        async with served(config, store, clock, admin=admin, loopback=False) as here, here.browser() as browser:
            assert (await browser.get("/console/login")).status == 200
            assert (await browser.log_in()).status == 303
            assert (await browser.get("/console/now")).status == 200
            assert (await browser.get("/api/v1/now", Authorization=f"Bearer {TOKEN}")).status == 200
            others = [await browser.get(address) for address in ("/metrics", "/consolex", "/api/v1x", "/api")]

        assert {page.status for page in others} == {401}


class TestNames:
    """Without a token, a page in somebody's browser could lead here by a name of its own."""

    async def ask(self, here: Served, host: str, path: str = "/console/login") -> int:
        async with here.browser() as browser:
            return (await browser.get(path, Host=host)).status

    async def test_a_name_of_somebody_else_is_answered_nothing(self, here: Served) -> None:
        assert [await self.ask(here, host) for host in ("evil.example", "localhost:1", "")] == [421, 200, 421]

    async def test_the_proxys_name_is_the_consoles_alone(self, store: Store, clock: Clock) -> None:
        config = console("  url: https://relay.example.com\n", TOKENS)
        async with served(config, store, clock) as here:
            assert await self.ask(here, "relay.example.com") == 200
            assert await self.ask(here, "Relay.Example.com") == 200
            assert await self.ask(here, "relay.example.com.evil.example") == 421
            assert await self.ask(here, "relay.example.com", "/metrics") == 421


class TestActing:
    async def test_an_operator_with_the_pages_token_acts(self, here: Served, browser: Browser) -> None:
        await browser.log_in()
        csrf = await browser.csrf()

        page = await browser.post("/console/act", {"csrf": csrf, "field": "kept"})
        assert (page.status, page.text) == (200, "kept")
        assert await acting(browser, {"Origin": browser.base}, csrf=csrf) == 200
        assert here.acted == ["guest of jana"] * 2

    async def test_behind_a_proxy_that_calls_relay_otherwise_the_consoles_address_counts(
        self, store: Store, clock: Clock
    ) -> None:
        config = console("  url: http://relay.example.com\n", TOKENS)
        async with served(config, store, clock) as here, here.browser() as browser:
            await browser.log_in()
            assert await acting(browser, {"Origin": "http://relay.example.com"}, csrf=await browser.csrf()) == 200


class TestPrograms:
    @pytest.mark.parametrize("shown", [f"Bearer {TOKEN}", f"bearer  {TOKEN}"])
    async def test_a_token_acts_without_a_session(self, here: Served, browser: Browser, shown: str) -> None:
        looked = await browser.get("/api/v1/now", Authorization=shown)
        acted = await browser.ask("POST", "/api/v1/act", headers={"Authorization": shown})

        assert looked.text == "deploy operator token csrf="
        assert (acted.status, here.acted) == (200, ["deploy"])

    @pytest.mark.parametrize(
        "shown",
        ["", "Bearer", "Bearer ", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer ä"],
    )
    async def test_any_other_is_told_what_is_wanted(self, browser: Browser, shown: str) -> None:
        page = await browser.ask("GET", "/api/v1/now", headers={"Authorization": shown} if shown else {})

        assert (page.status, page.headers["Content-Type"]) == (401, "application/problem+json")
        assert page.headers["WWW-Authenticate"].startswith("Bearer ")
        assert TOKEN not in page.text

    async def test_one_that_is_taken_out_is_out_at_once(self, here: Served, browser: Browser) -> None:
        here.config = console(TOKENS.replace(TOKEN, TOKEN[::-1]))

        assert (await browser.get("/api/v1/now", Authorization=f"Bearer {TOKEN}")).status == 401


async def test_pages_and_json_have_their_headers(browser: Browser) -> None:
    await browser.log_in()
    for page in [await browser.get(address) for address in ("/console/now", "/console/login", "/console/nowhere")]:
        policy = page.headers["Content-Security-Policy"]
        for part in ("default-src 'self'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"):
            assert part in policy
        assert "unsafe" not in policy
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        assert page.headers["Referrer-Policy"] == "same-origin"
        assert page.headers["Cache-Control"] == "no-store"
        assert page.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert page.headers["Server"] == "relay"
    for headers, status in ({"Authorization": f"Bearer {TOKEN}"}, 200), ({"Authorization": "Bearer x"}, 401):
        answer = await browser.get("/api/v1/now", **headers)
        assert answer.status == status
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"


async def test_a_store_that_is_away_is_a_page(here: Served, browser: Browser) -> None:
    await browser.log_in()
    here.auth._sessions._sessions._plain = Store.open("unix:///nonexistent.sock", process="w").plain
    page = await browser.get("/console/now")

    assert (page.status, page.headers["Retry-After"]) == (503, "5")
    assert "does not answer" in page.text
