"""Authentication of pages and JSON: who gets there, who may act, and what browsers have to keep to."""

import pytest
from pydantic import SecretStr

from relay.receiving.operators import Admin
from relay.store import Store
from tests.support.auth import SAME, TOKEN, TOKENS, Browser, Served, console, served
from tests.support.clock import Clock

ADDRESSES = (
    "/console", "/console/", "/console/now", "/console/login", "/console/enter/x", "/console/static/console.css",
    "/api/v1", "/api/v1/now", "/console/nowhere",
)  # fmt: skip


class TestWhereNobodyCanComeIn:
    @pytest.mark.parametrize("method", ["GET", "POST"])
    async def test_there_is_no_console(self, store: Store, clock: Clock, method: str) -> None:
        async with served(console(), store, clock, loopback=False) as here, here.browser() as browser:
            nowhere = await browser.ask(method, "/nowhere")
            pages = [await browser.ask(method, address) for address in ADDRESSES]

        shown = [
            (page.status, page.text, {**page.headers, "Date": "", "Content-Length": ""}) for page in (nowhere, *pages)
        ]
        assert shown == [shown[0]] * len(shown)
        assert nowhere.status == 404

    async def test_a_reload_opens_it_and_closes_it(self, store: Store, clock: Clock) -> None:
        async with served(console(), store, clock, loopback=False) as here, here.browser() as browser:
            assert (await browser.get("/console/login")).status == 404
            here.config = console(TOKENS)
            assert (await browser.get("/console/login")).status == 200
            here.config = console()
            assert (await browser.get("/console/login")).status == 404


async def test_the_listeners_token_is_not_what_the_console_asks_for(store: Store, clock: Clock) -> None:
    admin = Admin(host="0.0.0.0", token=SecretStr("Hc5Yt8Rw2Qn6Vb9Ls3Kd7Fg1Jx4Zp0Mm"))
    async with served(console(TOKENS), store, clock, admin=admin, loopback=False) as here, here.browser() as browser:
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
            hosts = ("relay.example.com", "Relay.Example.com", "relay.example.com.evil.example")
            assert [await self.ask(here, host) for host in hosts] == [200, 200, 421]
            assert await self.ask(here, "relay.example.com", "/metrics") == 421


class TestActing:
    async def test_an_operator_with_the_pages_token_acts(self, here: Served, browser: Browser) -> None:
        await browser.log_in()
        for headers in (SAME, {"Origin": browser.base}):
            page = await browser.post("/console/act", {"csrf": await browser.csrf(), "field": "kept"}, headers)
            assert (page.status, page.text) == (200, "kept")
        assert here.acted == ["guest of jana"] * 2

    async def test_behind_a_proxy_that_calls_relay_otherwise_the_consoles_address_counts(
        self, store: Store, clock: Clock
    ) -> None:
        config = console("  url: http://relay.example.com\n", TOKENS)
        async with served(config, store, clock) as here, here.browser() as browser:
            await browser.log_in()
            form, headers = {"csrf": await browser.csrf()}, {"Origin": "http://relay.example.com"}
            assert (await browser.post("/console/act", form, headers)).status == 200


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


HEADERS = {
    "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin", "Server": "relay",
}  # fmt: skip


async def test_pages_and_json_have_their_headers(browser: Browser) -> None:
    await browser.log_in()
    for page in [await browser.get(address) for address in ("/console/now", "/console/login", "/console/nowhere")]:
        policy = page.headers["Content-Security-Policy"]
        for part in ("default-src 'self'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"):
            assert part in policy
        assert "unsafe" not in policy
        assert HEADERS.items() <= page.headers.items()
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
