"""Open pages ask for news while they are seen, and say so where none come."""

from typing import TYPE_CHECKING

from tests.console.showing import Showing, showing, shown_in_a_browser
from tests.support.waiting import until

if TYPE_CHECKING:
    from playwright.async_api import Browser

pytestmark = shown_in_a_browser

# A tab without a window is never hidden; this one is until it is told otherwise.
HIDDEN = """
let hidden = true;
Object.defineProperty(Document.prototype, "hidden", {get: () => hidden});
globalThis.turn = (hide) => { hidden = hide; };
"""
LIVE = "**/console/now"


async def test_a_page_asks_for_news_while_it_is_seen_and_says_that_it_may_be_old(
    browser: "Browser", operator: Showing
) -> None:
    async with showing(browser, operator.url, cookies=await operator.context.cookies()) as shown:
        page, asked = shown.page, list[str]()
        page.on("request", lambda request: asked.append(request.url) if "hx-request" in request.headers else None)
        await page.add_init_script(HIDDEN)
        await page.clock.install()
        await shown.open("/now")
        await page.clock.run_for(20_000)
        assert not asked

        await page.evaluate("turn(false)")
        await page.route(LIVE, lambda route: route.fulfill(status=503))
        await page.clock.run_for(6_000)
        await until(lambda: asked)
        stale = page.get_by_text("This page is not kept up to date")
        await stale.wait_for(state="visible")
        await page.unroute(LIVE)
        await page.clock.run_for(6_000)
        await stale.wait_for(state="hidden")
