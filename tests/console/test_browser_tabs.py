"""Tabs that nobody sees keep none of the few streams open, and those that hear nothing for too long say so."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tests.console.showing import Showing, showing, shown_in_a_browser
from tests.support.waiting import until

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

pytestmark = shown_in_a_browser

TABS = 7  # one more than a browser has connections
BEGUN = "new Promise((done) => setTimeout(done, 50))"  # htmx begins once the page is there
# A tab without a window is never hidden; this one is until it is told otherwise.
HIDDEN = """
let hidden = true;
Object.defineProperty(Document.prototype, "hidden", {get: () => hidden});
globalThis.turn = (hide) => { hidden = hide; document.dispatchEvent(new Event("visibilitychange")); };
"""


def streams(page: "Page") -> list[str]:
    """Return a list of the streams requested from now on."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/console/live/" in request.url else None)
    return asked


async def test_a_tab_that_is_opened_behind_others_begins_its_stream_when_it_is_seen(operator: Showing) -> None:
    pages = [await operator.context.new_page() for _ in range(TABS)]
    asked = [streams(page) for page in pages]
    for page in pages:
        await page.add_init_script(HIDDEN)
        await page.goto(f"{operator.url}/console/now")
        await page.evaluate(BEGUN)
    assert not any(asked)

    begun: list[str] = []
    pages[-1].on("response", lambda response: begun.append(response.url))  # before that there is nothing to end
    await pages[-1].evaluate("turn(false)")
    await until(lambda: asked[-1] and begun)
    assert not any(asked[:-1])

    ended: list[str] = []
    pages[-1].on("requestfinished", lambda request: ended.append(request.url))
    pages[-1].on("requestfailed", lambda request: ended.append(request.url))
    await pages[-1].evaluate("turn(true)")
    await until(lambda: ended)
    await pages[-1].evaluate("turn(false)")
    await until(lambda: len(asked[-1]) == 2)
    for page in pages:
        await page.close()


@asynccontextmanager
async def on_a_clock(browser: "Browser", operator: Showing) -> AsyncIterator[Showing]:
    """The operator in a window of their own, whose clock the test moves."""
    async with showing(browser, operator.url, cookies=await operator.context.cookies()) as shown:
        await shown.page.clock.install()
        yield shown


async def test_a_page_to_which_nothing_comes_says_that_it_may_be_old_and_tries_anew(
    browser: "Browser", operator: Showing
) -> None:
    async with on_a_clock(browser, operator) as shown:
        page = shown.page
        asked = streams(page)
        begun: list[str] = []
        page.on("response", lambda response: begun.append(response.url) if "/live/" in response.url else None)
        await shown.open("/now")
        await page.clock.run_for(1_000)
        await until(lambda: begun)
        stale = page.get_by_text("This page is not kept up to date")
        assert not await stale.is_visible()

        await page.clock.fast_forward(31_000)
        await stale.wait_for(state="visible")
        await page.clock.run_for(2_000)  # for which htmx waits before it tries again
        await until(lambda: len(begun) == 2)
        await stale.wait_for(state="hidden")
        assert len(asked) == 2
