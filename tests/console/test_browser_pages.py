"""Every page of the console in a browser: it fits both widths in both schemes, keeps nobody out, complains of nothing.

RELAY_SCREENSHOTS=FOLDER keeps the pictures.
"""

from collections.abc import Mapping
from typing import Any

import pytest

from relay.console.site import VIEWS
from tests.console.lived import Lived
from tests.console.lived.tour import BESIDES, TOUR, Link
from tests.console.showing import SCHEMES, WIDTHS, Showing, showing, shown_in_a_browser
from tests.support.browser import blank, keep

pytestmark = shown_in_a_browser

MOST_TABS = 80
# axe's rules: contrast takes longest, and has to be looked at once for each scheme. In dark and in a narrow window the
# first address of a page shows how it is.
JUDGED = {(1440, "light"): "{}", (1440, "dark"): "{runOnly: ['color-contrast']}",
          (360, "light"): "{rules: {'color-contrast': {enabled: false}}}"}  # fmt: skip
FURTHER = {(1440, "light"): "{}"}
# Where the keyboard is: what is pressed there, whether that is seen, and how.
FOCUS = """() => {
  const one = document.activeElement, box = one.getBoundingClientRect(), style = getComputedStyle(one);
  return {tag: one.tagName, name: (one.innerText || one.getAttribute("aria-label") || one.name || "").trim(),
          main: !!one.closest("main") && one.id !== "main",
          aim: one === (document.querySelector("main button.main") || document.querySelector(CAN)),
          outlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0,
          seen: box.width > 0 && box.right > 0 && box.left < innerWidth && box.bottom > 0 && box.top < innerHeight};
}""".replace("CAN", "'main :is(a[href], button, input:not([type=hidden]), select, summary, [tabindex=\"0\"])'")


async def address(operator: Showing, view: str, number: int) -> str:
    stop = TOUR[view][number]
    if not isinstance(stop, Link):
        return stop
    on = (
        stop.on
        if stop.on.partition("?")[0] not in TOUR or not isinstance(TOUR[stop.on.partition("?")[0]][0], Link)
        else (await address(operator, stop.on, 0))
    )
    page = await operator.open(on)
    href = await page.locator(f'main a[href^="/console{view}?"]').first.get_attribute("href")
    assert href, f"no link to {view} on {on}"
    return href.removeprefix("/console")


async def test_no_page_is_forgotten() -> None:
    assert TOUR.keys() == {view.path for view in VIEWS}


@pytest.mark.parametrize("view", TOUR)
async def test_each_page_fits_keeps_nobody_out_and_is_there_in_german(
    operator: Showing, german: Showing, view: str
) -> None:
    for number in range(len(TOUR[view])):
        where = await address(operator, view, number)
        operator.faults.clear()
        await operator.open(where)
        await looked_at(operator, f"console{view.replace('/', '-')}-{number + 1}", FURTHER if number else JUDGED)
        assert operator.faults == [], where
    first = await address(operator, view, 0)
    await reached_by_keyboard(await operator.open(first))
    page = await german.open(first, width=360)
    assert await page.locator("html").get_attribute("lang") == "de"
    assert await german.sideways() == []
    keep(f"console{view.replace('/', '-')}.de.png", await german.look(width=360, dark=False))


@pytest.mark.parametrize("where", BESIDES)
async def test_so_does_what_is_no_page(operator: Showing, where: str) -> None:
    await operator.open(where)
    await looked_at(operator, f"console-besides-{BESIDES.index(where) + 1}")


async def test_so_does_the_way_in(browser: Any, world: Lived) -> None:
    async with showing(browser, world.admin_url) as stranger:
        await stranger.open("/login")
        await looked_at(stranger, "console-login")
        await stranger.page.goto(await world.link())
        await looked_at(stranger, "console-link")
        await stranger.page.goto(f"{world.admin_url}/console/enter/none")
        await stranger.page.get_by_role("button", name="Come in").click()
        await looked_at(stranger, "console-login-refused")


async def looked_at(shown: Showing, name: str, judged: Mapping[tuple[int, str], str] = JUDGED) -> None:
    for width in WIDTHS:
        for scheme in SCHEMES:
            png = await shown.look(width=width, dark=scheme == "dark")
            keep(f"{name}.{width}.{scheme}.png", png)
            assert not blank(png)
            assert await shown.sideways() == [], (width, scheme)
            if rules := judged.get((width, scheme)):
                assert await shown.kept_out(rules) == [], (width, scheme)


async def reached_by_keyboard(page: Any) -> None:
    """The keyboard leads to what can be done there."""
    await page.keyboard.press("Tab")
    skip = await page.evaluate(FOCUS)
    assert (skip["name"], skip["seen"]) == ("Skip to the page", True)
    await page.keyboard.press("Enter")
    for _ in range(MOST_TABS):
        await page.keyboard.press("Tab")
        focus = await page.evaluate(FOCUS)
        assert focus["main"], f"{focus} comes before what can be done"
        assert focus["outlined"], focus
        assert focus["seen"], focus
        if focus["aim"]:
            return
    pytest.fail("the keyboard does not get there")


async def test_a_narrow_window_shows_which_page_it_is(operator: Showing) -> None:
    page = await operator.open("/audit", width=360)
    box = await page.locator("nav [aria-current=page]").bounding_box()
    assert box
    assert 0 <= box["x"] <= box["x"] + box["width"] <= 360
