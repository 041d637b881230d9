"""Logins and sessions of browsers: how they begin, what stays of them, and how they end."""

import pytest

from relay.config.console import LONGEST_SESSION
from relay.console.access.browser import leading_back
from relay.console.access.identity import NAME
from relay.store import Store, keys
from tests.support.auth import SAME, TOKENS, Browser, Served, console, served
from tests.support.clock import Clock

HTTPS = "  url: https://relay.example.com\n"  # of a proxy before it


async def kept(here: Served) -> list[bytes]:
    """The keys of the sessions that there are."""
    return list(await here.store.redis.keys(f"{keys.PREFIX}console:session:*"))


def attributes(line: str) -> set[str]:
    return {part.strip() for part in line.split(";")[1:]}


async def test_who_is_not_logged_in_is_led_to_the_login_and_back(browser: Browser) -> None:
    asked = await browser.get("/console/now?page=2&q=a%20b")
    assert (asked.status, asked.location) == (303, "/console/login?next=%2Fconsole%2Fnow%3Fpage%3D2%26q%3Da%2520b")
    assert "relay console link" in (await browser.get(asked.location)).text

    await browser.log_in()
    led = await browser.get(asked.location)

    assert (led.status, led.location) == (303, "/console/now?page=2&q=a%20b")
    assert (await browser.get(led.location)).text.startswith("guest of jana operator link csrf=")


async def test_part_of_a_page_leads_the_whole_page_to_the_login(browser: Browser) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": f"{browser.base}/console/now?q=1"}
    asked = await browser.get("/console/now", **headers)

    assert (asked.status, asked.headers["HX-Redirect"]) == (401, "/console/login?next=%2Fconsole%2Fnow%3Fq%3D1")


@pytest.mark.parametrize(
    "back",
    [
        "https://evil.example/", "//evil.example/console", "/console\\@evil.example", "/consoles", "/metrics", "",
        "/console/../metrics", "/console/\r\nX: y", "javascript:alert(1)", "/console/login?next=/console/login",
        "/console/" + "x" * 2000, "/console/%2e%2e/metrics", "/console/%252e%252e/metrics", "/console/%2E./metrics",
        "/console/now/..", "/console/.", "/console//evil.example", "/console/%5c%5cevil.example", "/console/now;x",
        "/console/now?x=\\y", "/console/now#x y", "console/now", "HTTPS:/console/now", "/console/%0d%0aX:y",
    ],
)  # fmt: skip
def test_a_login_leads_nowhere_else(back: str) -> None:
    assert leading_back(back) == "/console"


async def test_a_login_is_in_the_audit_trail_and_so_is_its_end(here: Served, browser: Browser) -> None:
    await browser.log_in()
    left = await browser.post("/console/logout", {"csrf": await browser.csrf()})

    assert (left.status, left.location) == (303, "/console/login")
    assert [(entry.actor, entry.action, entry.outcome) for entry in await here.audit()] == [
        ("guest of jana", "console login", "in"), ("guest of jana", "console logout", "out"),
    ]  # fmt: skip
    assert (await browser.get("/console/now")).status == 303
    assert await kept(here) == []


@pytest.mark.parametrize(
    ("csrf", "headers"), [("", SAME), ("0" * 36, SAME), ("right", {"Sec-Fetch-Site": "cross-site"})]
)
async def test_another_site_logs_nobody_out(browser: Browser, csrf: str, headers: dict[str, str]) -> None:
    await browser.log_in()
    own = await browser.csrf()

    assert (await browser.post("/console/logout", {"csrf": own if csrf == "right" else csrf}, headers)).status == 403
    assert (await browser.get("/console/now")).status == 200


class TestTheSession:
    async def test_its_cookie_is_for_this_browser_alone_and_redis_has_a_hash(
        self, here: Served, browser: Browser
    ) -> None:
        (line,) = (await browser.log_in()).cookies.values()
        id_ = line.partition("=")[2].partition(";")[0]
        (key,) = await kept(here)
        content = key + await here.store.redis.get(key)

        assert line.startswith(f"{NAME}=")
        assert attributes(line) == {"HttpOnly", "Path=/", "SameSite=Lax"}
        assert not [secret for secret in (id_, await browser.csrf()) if secret.encode() in content]

    async def test_with_tls_no_other_host_can_set_it(self, store: Store, clock: Clock) -> None:
        async with served(console(TOKENS, HTTPS), store, clock) as here, here.browser() as browser:
            (line,) = (await browser.log_in()).cookies.values()

        assert line.startswith(f"__Host-{NAME}=")
        assert attributes(line) == {"HttpOnly", "Path=/", "SameSite=Lax", "Secure"}

    async def test_each_login_has_a_new_one_and_ends_the_one_before(self, here: Served, browser: Browser) -> None:
        browser.session.cookie_jar.update_cookies({NAME: "x" * 43})  # planted
        assert (await browser.get("/console/now")).status == 303
        lines = [*(await browser.log_in()).cookies.values(), *(await browser.log_in()).cookies.values()]

        assert len({*lines}) == 2
        assert not [line for line in lines if "x" * 43 in line]
        assert len(await kept(here)) == 1

    async def test_it_lasts_while_it_is_used_and_a_week_at_the_most(
        self, here: Served, browser: Browser, clock: Clock
    ) -> None:
        await browser.log_in()
        (key,) = await kept(here)
        await here.store.redis.expire(key, 60)

        assert (await browser.get("/console/now")).status == 200
        assert await here.store.redis.ttl(key) > 12 * 3600 - 60
        clock.advance(LONGEST_SESSION - 61)
        assert (await browser.get("/console/now")).status == 200
        clock.advance(2)
        assert (await browser.get("/console/now")).status == 303
        assert await here.store.redis.exists(key) == 0


async def test_an_open_page_keeps_no_session_alive(here: Served, browser: Browser) -> None:
    await browser.log_in()
    (key,) = await kept(here)
    await here.store.redis.expire(key, 60)
    assert (await browser.get("/console/now", **{"HX-Request": "true"})).status == 200
    assert await here.store.redis.ttl(key) <= 60
