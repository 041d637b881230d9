"""Links that let one person in, once: the one that is printed at the start, and those that a command makes."""

import asyncio

import pytest
from structlog.testing import capture_logs

from relay.config import ROLES, VIEWER, Role
from relay.console.access.links import MINUTES, make_link
from relay.store import Store, keys
from relay.store.sessions import Sessions
from tests.support.clock import Clock
from tests.support.doors import USERS, Browser, Served, console, served


async def made(here: Served, role: Role = VIEWER) -> str:
    return await make_link(Sessions(here.store), here.url, role, "root@host-1")


@pytest.mark.parametrize("role", ROLES)
async def test_a_link_lets_one_in_as_it_says(here: Served, browser: Browser, role: Role) -> None:
    link = await made(here, role)
    asked = await browser.get(link)
    assert (asked.status, asked.cookies) == (200, {})

    done = await browser.post(link)

    assert (done.status, done.location) == (303, "/console")
    assert (await browser.get("/console/now")).text.startswith(f"guest of root@host-1 {role} link ")
    (entry,) = await here.audit()
    assert (entry.actor, entry.action, entry.detail["role"]) == ("guest of root@host-1", "console login", role)


async def test_looking_at_it_uses_nothing_up_and_the_first_who_presses_is_in(here: Served, browser: Browser) -> None:
    link = await made(here)
    for _ in range(3):
        await browser.get(link)
    pages = await asyncio.gather(*(browser.post(link) for _ in range(5)))

    assert sorted(page.status for page in pages) == [303, 403, 403, 403, 403]
    assert all("This link has been used" in page.text for page in pages if page.status == 403)


async def test_a_page_of_somebody_else_uses_it_for_nobody(here: Served, browser: Browser) -> None:
    link = await made(here)

    assert (await browser.post(link, headers={"Sec-Fetch-Site": "cross-site"})).status == 403
    assert (await browser.post(link)).status == 303


async def test_redis_has_its_hash_for_ten_minutes(here: Served) -> None:
    token = (await made(here)).rpartition("/")[2]
    (key,) = await here.store.redis.keys(f"{keys.CONSOLE}link:*")

    assert token.encode() not in key + await here.store.redis.get(key)
    assert 0 < await here.store.redis.ttl(key) <= MINUTES * 60


async def test_one_who_guesses_waits(here: Served, browser: Browser) -> None:
    statuses = [(await browser.post(f"/console/enter/guess-{number}")).status for number in range(8)]

    assert statuses == [403] * 6 + [429] * 2
    assert "Try again in 1 second." in (await browser.post("/console/enter/guess")).text
    assert {entry.outcome for entry in await here.audit()} == {"refused: used, too old, or none"}


class TestAtTheStart:
    async def test_one_process_prints_one(self, store: Store, clock: Clock) -> None:
        async with served(console(), store, clock) as here, here.browser() as browser:
            with capture_logs() as lines:
                await asyncio.gather(*(here.door.announce(here.url) for _ in range(4)))
            (line,) = [line for line in lines if line["event"] == "console.link"]

            assert (line["role"], line["minutes"]) == ("viewer", 10)
            assert (await browser.post(line["link"])).status == 303
            assert (await browser.get("/console/now")).text.startswith("guest of whoever started relay viewer link")

    @pytest.mark.parametrize(("parts", "loopback"), [((USERS,), True), ((), False)])
    async def test_none_is_printed_where_others_can_log_in_or_come(
        self, store: Store, clock: Clock, parts: tuple[str, ...], loopback: bool
    ) -> None:
        async with served(console(*parts), store, clock, loopback=loopback) as here:
            with capture_logs() as lines:
                await here.door.announce(here.url)

        assert lines == []

    async def test_without_a_store_relay_starts_all_the_same(self, clock: Clock) -> None:
        away = Store.open("unix:///nonexistent.sock", worker="w")
        async with served(console(), away, clock) as here:
            with capture_logs() as lines:
                await here.door.announce(here.url)
        await away.aclose()

        assert lines == []
