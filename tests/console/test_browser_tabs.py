"""Tabs that nobody sees keep no stream open: a browser has six connections to one host, and relay few streams."""

from typing import TYPE_CHECKING

from tests.support.showing import Showing, shown_in_a_browser
from tests.support.waiting import until

if TYPE_CHECKING:
    from playwright.async_api import Page

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
    """Which were asked for from now on."""
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
