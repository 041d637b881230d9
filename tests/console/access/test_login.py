"""Names and passwords: who gets in, what stays of it, and how often one may try."""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from relay.config.console import LONGEST_SESSION
from relay.console.access.passwords import AT_ONCE, WAITING
from relay.console.access.visitors import NAME
from relay.store import Store, keys
from relay.store.sealing import Sealer
from relay.store.tries import NAME as PER_NAME
from relay.store.tries import PEER as PER_PEER
from tests.support.clock import Clock
from tests.support.doors import HASHES, OTHER, RIGHT, SAME, TOKENS, USERS, Browser, Served, console, served
from tests.support.waiting import until


async def test_who_is_not_logged_in_is_led_to_the_login_and_back(browser: Browser) -> None:
    asked = await browser.get("/console/now?page=2&q=a%20b")
    assert (asked.status, asked.location) == (303, "/console/login?next=%2Fconsole%2Fnow%3Fpage%3D2%26q%3Da%2520b")
    page = await browser.get(asked.location)
    assert 'name="next" value="/console/now?page=2&amp;q=a%20b"' in page.text

    done = await browser.log_in(back="/console/now?page=2&q=a%20b")

    assert (done.status, done.location) == (303, "/console/now?page=2&q=a%20b")
    assert (await browser.get(done.location)).text.startswith("jana operator password csrf=")


async def test_part_of_a_page_leads_the_whole_page_to_the_login(browser: Browser) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": f"{browser.base}/console/now?q=1"}
    asked = await browser.get("/console/live/now", **headers)

    assert (asked.status, asked.headers["HX-Redirect"]) == (401, "/console/login?next=%2Fconsole%2Fnow%3Fq%3D1")


@pytest.mark.parametrize("page", ["http://127.0.0.1/metrics", "http://evil.example/", "/console/now", ""])
async def test_part_of_what_is_no_page_leads_the_whole_page_to_the_first(browser: Browser, page: str) -> None:
    asked = await browser.get("/console/live/now", **{"HX-Request": "true", "HX-Current-URL": page})

    assert (asked.status, asked.headers["HX-Redirect"]) == (401, "/console/login?next=%2Fconsole")


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
async def test_a_login_leads_nowhere_else(browser: Browser, back: str) -> None:
    assert (await browser.log_in(back=back)).location == "/console"


@pytest.mark.parametrize(
    ("name", "password"),
    [("jana", OTHER), ("jana", ""), ("jana", RIGHT + " "), ("viktor", RIGHT), ("nobody", RIGHT), ("", ""),
     ("jana\0", RIGHT), ("JANA", RIGHT), ("jana", RIGHT + "x" * 2000)],
)  # fmt: skip
async def test_who_is_wrong_hears_no_more_than_that(here: Served, browser: Browser, name: str, password: str) -> None:
    page = await browser.log_in(name, password)

    assert page.status == 403
    assert "The name or the password is wrong." in page.text
    assert password not in page.text or not password
    assert (await browser.get("/console/now")).status == 303
    (entry,) = await here.audit()
    known = name in ("jana", "viktor")
    shown = entry.actor, entry.action, entry.outcome, entry.detail["peer"]
    assert shown == (name if known else "unknown", "console login", "refused: wrong name or password", "127.0.0.1")


async def test_what_was_typed_for_a_name_is_shown_as_text(browser: Browser) -> None:
    page = await browser.log_in('"><script>alert(1)</script>', "wrong")

    assert "<script" not in page.text
    assert "&#34;&gt;&lt;script&gt;" in page.text


async def test_a_login_is_in_the_audit_trail_and_so_is_its_end(here: Served, browser: Browser) -> None:
    await browser.log_in()
    csrf = await browser.csrf()
    left = await browser.post("/console/logout", {"csrf": csrf})

    assert (left.status, left.location) == (303, "/console/login")
    assert [(entry.actor, entry.action, entry.outcome) for entry in await here.audit()] == [
        ("jana", "console login", "in"), ("jana", "console logout", "out"),
    ]  # fmt: skip
    assert (await browser.get("/console/now")).status == 303
    assert await here.store.redis.keys(f"{keys.CONSOLE}session:*") == []


@pytest.mark.parametrize(
    ("csrf", "headers"), [("", SAME), ("0" * 36, SAME), ("right", {"Sec-Fetch-Site": "cross-site"})]
)
async def test_nobody_else_logs_one_out(browser: Browser, csrf: str, headers: dict[str, str]) -> None:
    await browser.log_in()
    own = await browser.csrf()

    assert (await browser.post("/console/logout", {"csrf": own if csrf == "right" else csrf}, headers)).status == 403
    assert (await browser.get("/console/now")).status == 200


class TestTheSession:
    async def test_its_cookie_is_for_this_browser_alone(self, here: Served, browser: Browser) -> None:
        (line,) = (await browser.log_in()).cookies.values()
        attributes = {part.strip() for part in line.split(";")[1:]}

        assert line.startswith(f"{NAME}=")
        assert attributes == {"HttpOnly", "Path=/", "SameSite=Lax"}

    async def test_with_tls_no_other_host_can_set_it(self, store: Store, clock: Clock) -> None:
        async with served(console(USERS), store, clock, secure=True) as here, here.browser() as browser:
            (line,) = (await browser.log_in()).cookies.values()

        assert line.startswith(f"__Host-{NAME}=")
        assert {part.strip() for part in line.split(";")[1:]} == {"HttpOnly", "Path=/", "SameSite=Lax", "Secure"}

    async def test_redis_has_no_id_of_it(self, here: Served, browser: Browser) -> None:
        (line,) = (await browser.log_in()).cookies.values()
        id_ = line.partition("=")[2].partition(";")[0]
        (key,) = await here.store.redis.keys(f"{keys.CONSOLE}session:*")
        csrf = await browser.csrf()

        content = key + await here.store.redis.get(key)
        assert id_.encode() not in content
        assert csrf.encode() not in content

    async def test_each_login_has_a_new_one_and_ends_the_one_before(self, here: Served, browser: Browser) -> None:
        ids = set()
        for _ in range(2):
            ids |= {*(await browser.log_in()).cookies.values()}

        assert len(ids) == 2
        assert len(await here.store.redis.keys(f"{keys.CONSOLE}session:*")) == 1

    async def test_an_id_that_was_put_there_is_none(self, here: Served, browser: Browser) -> None:
        browser.session.cookie_jar.update_cookies({NAME: "x" * 43})
        assert (await browser.get("/console/now")).status == 303

        (line,) = (await browser.log_in()).cookies.values()
        assert "x" * 43 not in line

    async def test_it_lasts_while_it_is_used_and_a_week_at_the_most(
        self, here: Served, browser: Browser, clock: Clock
    ) -> None:
        await browser.log_in()
        (key,) = await here.store.redis.keys(f"{keys.CONSOLE}session:*")
        await here.store.redis.expire(key, 60)

        assert (await browser.get("/console/now")).status == 200
        assert await here.store.redis.ttl(key) > 12 * 3600 - 60
        clock.advance(LONGEST_SESSION - 61)
        assert (await browser.get("/console/now")).status == 200
        clock.advance(2)
        assert (await browser.get("/console/now")).status == 303
        assert await here.store.redis.exists(key) == 0

    async def test_who_is_taken_out_of_the_configuration_is_out_at_once(self, here: Served, browser: Browser) -> None:
        await browser.log_in()
        here.config = console(TOKENS)

        assert (await browser.get("/console/now")).status == 303

    async def test_another_password_ends_it_and_another_role_holds_at_once(
        self, here: Served, browser: Browser
    ) -> None:
        await browser.log_in()
        here.config = console(USERS.replace("role: operator", "role: viewer"))
        assert (await browser.get("/console/now")).text.startswith("jana viewer ")

        here.config = console(USERS.replace(HASHES[RIGHT], HASHES[OTHER]))
        assert (await browser.get("/console/now")).status == 303


class TestAPageThatLives:
    """One answer that goes on for as long as somebody looks."""

    @pytest.mark.parametrize("end", ["logout", "configuration"])
    async def test_it_ends_with_its_login(self, here: Served, browser: Browser, end: str) -> None:
        await browser.log_in()
        csrf = await browser.csrf()
        async with browser.session.get(f"{here.url}/console/live/now") as live:
            assert b"a part" in await live.content.readline()
            if end == "logout":
                await browser.post("/console/logout", {"csrf": csrf})
            else:
                here.config = console(TOKENS)
            await live.content.read()

        assert live.content.is_eof()

    async def test_it_keeps_nobody_logged_in(self, here: Served, browser: Browser) -> None:
        await browser.log_in()
        (key,) = await here.store.redis.keys(f"{keys.CONSOLE}session:*")
        await here.store.redis.expire(key, 60)
        async with browser.session.get(f"{here.url}/console/live/now") as live:
            await live.content.readline()
            sent = here.looks
            await until(lambda: here.looks > sent + 2)

        assert await here.store.redis.ttl(key) <= 60


class TestTrying:
    async def test_after_some_failures_each_waits_longer(self, here: Served, browser: Browser, clock: Clock) -> None:
        for _ in range(PER_NAME.free + 1):
            assert (await browser.log_in(password="wrong")).status == 403
        waits: list[int] = []
        said = ["1 second", *(f"{wait} seconds" for wait in (2, 4, 8, 16, 32)), "2 minutes", "3 minutes"]
        for _ in range(8):
            refused = await browser.log_in()
            assert refused.status == 429
            waits.append(int(refused.headers["Retry-After"]))
            assert f"Try again in {said[len(waits) - 1]}." in refused.text
            clock.advance(waits[-1])
            assert (await browser.log_in(password="wrong")).status == 403

        assert waits == [1, 2, 4, 8, 16, 32, 64, 128]

    async def test_who_gets_in_begins_anew(self, browser: Browser, clock: Clock) -> None:
        for _ in range(PER_NAME.free + 1):
            await browser.log_in(password="wrong")
        clock.advance(1)
        assert (await browser.log_in()).status == 303

        assert (await browser.log_in(password="wrong")).status == 403
        assert (await browser.log_in()).status == 303

    async def test_a_name_that_nobody_has_waits_as_one_that_somebody_has(self, browser: Browser) -> None:
        tries = range(PER_NAME.free + 2)
        somebody = [(await browser.log_in("jana", "wrong")).status for _ in tries]
        nobody = [(await browser.log_in("nobody", "wrong")).status for _ in tries]

        assert somebody == nobody
        assert nobody[-2:] == [403, 429]

    async def test_a_peer_that_tries_many_names_waits_too(self, here: Served, browser: Browser) -> None:
        # Counted without the time that passwords take.
        for number in range(PER_PEER.free):
            await here.door._entrance.tries.begin(f"name {number}", "127.0.0.1", here.clock())
        assert (await browser.log_in("nobody", "wrong")).status == 403

        assert (await browser.log_in()).status == 429

    async def test_many_at_once_are_not_one(self, here: Served, browser: Browser) -> None:
        pages = await asyncio.gather(*(browser.log_in(password="wrong") for _ in range(PER_NAME.free + 5)))

        let_through = [page.status for page in pages if "wrong" in page.text]
        assert len(let_through) <= PER_NAME.free + 1
        assert {page.status for page in pages} <= {403, 429}

    async def test_who_is_sent_away_because_many_log_in_has_tried_nothing(self, here: Served, browser: Browser) -> None:
        with ExitStack() as stack:
            for _ in range(AT_ONCE + WAITING):
                stack.enter_context(here.door._passwords.seat())
            pages = [await browser.log_in() for _ in range(PER_NAME.free + 3)]

        assert {page.status for page in pages} == {429}
        assert all("Many people are logging in" in page.text for page in pages)
        assert await here.store.redis.keys(f"{keys.CONSOLE}tries:*") == []
        assert (await browser.log_in()).status == 303

    async def test_no_more_is_kept_of_it_than_for_an_hour(self, here: Served, browser: Browser) -> None:
        await browser.log_in("nobody", "wrong")

        rows = await here.store.redis.keys(f"{keys.CONSOLE}tries:*")
        assert len(rows) == 2
        assert {0 < await here.store.redis.ttl(row) <= 3600 for row in rows} == {True}
        assert not any(b"nobody" in row for row in rows)


async def test_a_form_that_is_too_large_or_none_is_refused(browser: Browser) -> None:
    large = await browser.post("/console/login", {"name": "jana", "password": "x" * 5000})
    other = await browser.ask("POST", "/console/login", json={"name": "jana", "password": RIGHT}, headers=SAME)

    assert (large.status, other.status) == (413, 403)


@pytest.mark.parametrize(
    "headers",
    [{}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "none"},
     {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1"}],
)  # fmt: skip
async def test_a_page_of_somebody_else_logs_nobody_in(browser: Browser, headers: dict[str, str]) -> None:
    page = await browser.post("/console/login", {"name": "jana", "password": RIGHT}, headers)

    assert (page.status, page.cookies) == (403, {})


async def test_where_there_is_no_tls_the_origin_is_enough(browser: Browser) -> None:
    origin = {"Origin": browser.base}

    assert (await browser.post("/console/login", {"name": "jana", "password": RIGHT}, origin)).status == 303


async def test_a_session_that_is_not_sealed_lets_nobody_in(open_store: Callable[..., Store], clock: Clock) -> None:
    """Whoever can write to Redis, but has no key, is no operator by that."""
    config, sealed = console(USERS), open_store(sealer=Sealer({"current": b"k" * 32}))
    async with (
        served(config, open_store(), clock) as clear,
        served(config, sealed, clock) as here,
        clear.browser() as one,
    ):
        await one.log_in()
        assert (await one.get("/console/now")).status == 200
        one.base = here.url  # the cookie is sent there, too

        assert (await one.get("/console/now")).status == 303
        await one.log_in()
        assert (await one.get("/console/now")).text.startswith("jana operator")
