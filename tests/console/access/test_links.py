"""Links that let one person in, once: the one that is printed at the start, and those that a command makes."""

import asyncio

import pytest
from structlog.testing import capture_logs

from relay.config import ROLES, VIEWER, Role
from relay.store import Store
from tests.support.auth import TOKENS, Browser, Served, console, link_to, served
from tests.support.clock import Clock


async def made(here: Served, role: Role = VIEWER) -> str:
    return await link_to(here.url, here.store, here.clock, role, "root@host-1")


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


async def test_refused_links_are_recorded_once_a_second(here: Served, browser: Browser, clock: Clock) -> None:
    with capture_logs() as lines:
        for _ in range(2):
            for number in range(3):
                await browser.post(f"/console/enter/guess-{number}")
            clock.advance(1.0)

    refused = ["refused: used, too old, or none"] * 2
    assert await here.audit() == []
    assert [line["outcome"] for line in lines] == refused


async def test_the_log_has_the_pattern_of_a_route_and_no_token(here: Served, browser: Browser) -> None:
    link = await made(here)
    with capture_logs() as lines:
        await browser.post(link, headers={"Sec-Fetch-Site": "cross-site"})
        await browser.get(f"{link}/more")
        await browser.post(f"{link}/more")
        await browser.get(link.replace("/console/", "/api/v1/"))
        await browser.post(link)

    assert link.rpartition("/")[2] not in str(lines)
    assert [line.get("path") for line in lines] == ["/console/enter/{token}", "unknown", None]


@pytest.mark.parametrize(("parts", "loopback"), [((), True), ((TOKENS,), True), ((), False)])
async def test_the_command_is_logged_at_the_start_where_nothing_else_lets_anybody_in(
    store: Store, clock: Clock, parts: tuple[str, ...], loopback: bool
) -> None:
    async with served(console(*parts), store, clock, loopback=loopback) as here:
        with capture_logs() as lines:
            here.auth.announce(here.url)

    logged = [(line["event"], line["console"], line["command"]) for line in lines]
    link = ("console.link", f"{here.url}/console", "relay console link")
    assert logged == ([link] if loopback and not parts else [])
