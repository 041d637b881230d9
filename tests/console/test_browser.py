"""The console in a browser: every page fits, is accessible and complains of nothing; reasons are found, acts are done.

RELAY_SCREENSHOTS=FOLDER keeps the pictures.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from relay.console.site import VIEWS
from tests.console.lived import DEAD, REASONS, RETURNED, Lived, calm
from tests.console.showing import Showing, showing, shown_in_a_browser
from tests.support.browser import blank, keep
from tests.support.patience import patience
from tests.support.waiting import until

pytestmark = shown_in_a_browser

MOST_TABS = 80
# Each view by its path, with its addresses; `^` is the page with the first link to one.
TOUR: Mapping[str, Sequence[str]] = {
    "/now": ["/now"],
    "/operation": [f"/operation?id={id_}" for id_ in ("op-inv-7", "op-inv-4", "op-profiles", "batch-1")],
    "/operations": ["/operations", "/operations?state=running"],
    "/jobs": ["/jobs"],
    "/job": ["^/operation?id=op-inv-7"],
    "/deliveries": ["/deliveries", "/deliveries?state=waiting", "/deliveries?state=dropped"],
    "/dead": ["/dead", "/dead?reason=expired"],
    "/dead/all": ["/dead/all?verb=drop", "/dead/all?verb=replay&destination=compliance"],
    "/dead-letter": ["^/dead"],
    "/quarantine": ["/quarantine"],
    "/quarantine/all": ["/quarantine/all?verb=drop"],
    "/quarantined": ["^/quarantine"],
    "/source": ["^/now", "/source?name=github&body=1"],
    "/destinations": ["/destinations"],
    "/destination": [
        f"/destination?name={name}" for name in ("process-mining", "analysts-daily", "vendor", "customers")
    ],
    "/destination/digest": ["^/destination?name=analysts-daily"],
    "/silences": ["/silences"],
    "/audit": ["/audit", "/audit?action=nothing"],
}
NO_PAGE = ("/operation?id=op-fraud-scan", "/dead?since=yesterday")
# A window's width and scheme, with axe's rules: contrast takes longest, and is looked at once for each scheme.
LOOKS = (
    (1440, "light", "{rules: {'target-size': {enabled: true}}}"), (1440, "dark", "{runOnly: ['color-contrast']}"),
    (360, "light", "{rules: {'color-contrast': {enabled: false}, 'target-size': {enabled: true}}}"),
)  # fmt: skip
# The focus of the keyboard: what it is on, whether that is seen, and how.
FOCUS = """() => {
  const one = document.activeElement, box = one.getBoundingClientRect(), style = getComputedStyle(one);
  return {name: (one.innerText || one.placeholder || "").trim(), main: !!one.closest("main") && one.id !== "main",
          aim: one === (document.querySelector("main button.main") || document.querySelector(CAN)),
          outlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0,
          seen: box.width > 0 && box.right > 0 && box.left < innerWidth && box.bottom > 0 && box.top < innerHeight};
}""".replace("CAN", "'main :is(a[href], button, input:not([type=hidden]), select, summary, [tabindex=\"0\"])'")
# Whether each press would be sent; none is.
PRESSED_TWICE = """(button) => {
  const sent = [];
  addEventListener("submit", (event) => { sent.push(!event.defaultPrevented); event.preventDefault(); });
  button.click();
  button.click();
  return sent;
}"""


async def address(operator: Showing, view: str, stop: str) -> str:
    if not stop.startswith("^"):
        return stop
    page = await operator.open(stop[1:])
    href = await page.locator(f'main a[href^="/console{view}?"]').first.get_attribute("href")
    assert href, f"no link to {view} on {stop}"
    return href.removeprefix("/console")


async def looked_at(shown: Showing, name: str, *, further: bool = False) -> None:
    """Judge the page in both widths and schemes; a `further` one of its kind in the widest light one alone."""
    for width, scheme, rules in LOOKS[: 1 if further else None]:
        png = await shown.look(width=width, dark=scheme == "dark")
        keep(f"{name}.{width}.{scheme}.png", png)
        assert not blank(png)
        assert await shown.sideways() == [], (width, scheme)
        assert await shown.kept_out(rules) == [], (width, scheme)


@pytest.mark.parametrize("view", [view.path for view in VIEWS])
async def test_each_page_fits_and_is_accessible(operator: Showing, view: str) -> None:
    for number, stop in enumerate(TOUR[view], start=1):
        where = await address(operator, view, stop)
        operator.faults.clear()
        page = await operator.open(where)
        await looked_at(operator, f"console{view.replace('/', '-')}-{number}", further=number > 1)
        assert operator.faults == [], where
    await reached_by_keyboard(page)


async def reached_by_keyboard(page: Any) -> None:
    """The keyboard leads to what can be done there."""
    await page.reload()
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


async def test_so_do_pages_of_what_is_not_there_and_the_way_in(browser: Any, operator: Showing, world: Lived) -> None:
    for number, where in enumerate(NO_PAGE):
        await operator.open(where)
        await looked_at(operator, f"console-none-{number}")
    async with showing(browser, world.admin_url) as stranger:
        await stranger.open("/login")
        await looked_at(stranger, "console-login")
        await stranger.page.goto(await world.link())
        await looked_at(stranger, "console-link")
        await stranger.page.goto(f"{world.admin_url}/console/enter/none")
        await stranger.page.get_by_role("button", name="Come in").click()
        await looked_at(stranger, "console-login-refused")


# What one asks at night: steps to it from the first page (an id to look for begins with #), and what is said there.
WAYS: Mapping[str, tuple[Sequence[str], str]] = {
    "what failed": ([], "works again TimeoutError: SAP did not answer."),
    "who was told": (["Invoices 4"], "analysts told"),
    "why it was not told": ([f"#{REASONS['silenced']}"], "silence s-closing held it"),
    "why it never came": ([f"#{REASONS['bad signature']}", "What was refused"], "password missing, wrong or too old"),
    "silence a job": (["Invoices 4", "Silence runs like this", "for 2 hours"], "Silenced until"),
    "replay dead letters": (
        ["partners", "Replay its dead letters…", "Replay all of them"], f"{DEAD} put back into the queue"
    ),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
async def test_what_is_asked_at_night_is_three_steps_away_by_keyboard_alone(operator: Showing, way: str) -> None:
    page, (steps, says) = await operator.open("/now", width=1280), WAYS[way]
    assert len(steps) <= 3
    assert (
        await page.evaluate("document.querySelector('header.bar').offsetHeight") < 64
    )  # the search is beside the rest
    for step in steps:
        await tab_to(page, "Run id or name" if step.startswith("#") else step)
        if step.startswith("#"):
            await page.keyboard.type(step[1:])
        async with page.expect_navigation():
            await page.keyboard.press("Enter")
    assert says in re.sub(r"\s+", " ", await page.locator("main").inner_text())


async def tab_to(page: Any, name: str) -> None:
    for _ in range(2 * MOST_TABS):
        await page.keyboard.press("Tab")
        if (await page.evaluate(FOCUS))["name"] == name:
            return
    pytest.fail(f"the keyboard does not get to {name}")


LONG = "Comprehensive Procure-to-Pay Conformance Analysis for Manufacturing"


async def test_a_row_of_a_list_is_two_lines_on_a_phone_and_one_more_with_a_cause(
    operator: Showing, world: Lived
) -> None:
    await world.tell("operation.completed", "op-long", "finance", status="Completed", operationName=LONG)
    await calm(world)
    page = await operator.open("/operations", width=360)
    heights = "(rows) => rows.map((row) => row.offsetHeight - (row.querySelector('.cause')?.offsetHeight ?? 0))"
    rows = await page.locator("table.list tbody tr").evaluate_all(heights)
    assert rows
    assert max(rows) < 70
    end = page.locator("th span", has_text="Manufacturing").last  # which tells the name from others with this beginning
    assert await end.evaluate("(one) => one.getBoundingClientRect().right < innerWidth")


async def test_nothing_of_a_table_is_cut_off_on_a_phone(operator: Showing, world: Lived) -> None:
    await world.tell("operation.completed", "op-long", "finance", status="Completed", operationName=LONG)
    await calm(world)
    cut = "(cells) => cells.filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.innerText)"
    for path in ("/now", "/jobs", "/deliveries", "/operations", "/operation?id=op-long"):
        page = await operator.open(path, width=360)
        assert await page.locator(".scroll, tbody :is(th, td)").evaluate_all(cut) == [], path


async def test_a_silence_says_what_it_would_hold_while_it_is_filled_in(operator: Showing) -> None:
    page = await operator.open("/silences")
    await page.get_by_role("textbox", name="Job").fill("Invoices *")
    await page.get_by_text("Would be held back: 1 run now, ").wait_for()


async def press(page: Any, button: str, outcome: str, *, role: str = "status") -> None:
    """Press the button of this name; the page that follows says this of it."""
    await page.get_by_role("button", name=button, exact=True).first.click()
    await page.locator(f"main [role={role}]").filter(has_text=outcome).first.wait_for()


async def test_dead_letters_are_replayed_and_a_destination_paused(
    browser: Any, operator: Showing, world: Lived
) -> None:
    async with showing(browser, operator.url, cookies=await operator.context.cookies()) as shown:
        shown.page.on("dialog", lambda dialog: dialog.accept())
        page = await shown.open("/dead?destination=returns")
        await page.get_by_role("link", name="operation.completed").first.click()
        await press(page, "Drop", "1 dropped for good")
        await shown.open("/dead?destination=returns")
        await page.get_by_role("checkbox", name="All on this page").check()
        boxes = page.get_by_role("checkbox", name=re.compile("^Choose"))
        assert [await box.is_checked() for box in await boxes.all()] == [True] * (DEAD - 1)
        await page.get_by_role("link", name="Replay all that match…").click()
        await press(page, "Replay all of them", f"{DEAD - 1} put back into the queue")
        inbox = world.around.inbox
        await inbox.wait_for(lambda: sum(mail.recipient == RETURNED for mail in inbox.mails) == DEAD - 1, patience())

        page = await shown.open("/destination?name=analysts")
        await page.get_by_label("Reason").fill("Their server moves")
        await page.get_by_label("It lasts").fill("soon")
        await press(page, "Pause: messages wait until it is resumed", "Nothing was done", role="alert")
        assert await page.get_by_label("Reason").input_value() == "Their server moves"
        await page.get_by_label("It lasts").fill("2h")
        await press(page, "Pause: messages wait until it is resumed", "analysts is paused until")
        await press(page, "Resume", "analysts goes on")

        page = await shown.open("/silences")
        await page.get_by_label("Reason").fill("Pressed twice")
        assert await page.get_by_role("button", name="for 1 hour").evaluate(PRESSED_TWICE) == [True, False]
        assert [fault for fault in shown.faults if "404" not in fault] == []


# A tab without a window is never hidden; this one is until it is told otherwise.
HIDDEN = """
let hidden = true;
Object.defineProperty(Document.prototype, "hidden", {get: () => hidden});
globalThis.turn = (hide) => { hidden = hide; };
"""


async def test_a_page_asks_for_news_while_it_is_seen_and_says_that_it_may_be_old(
    browser: Any, operator: Showing
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
        await page.route("**/console/now", lambda route: route.fulfill(status=503))
        await page.clock.run_for(6_000)
        await until(lambda: asked)
        stale = page.get_by_text("This page is not kept up to date")
        await stale.wait_for(state="visible")
        await page.unroute("**/console/now")
        await page.clock.run_for(6_000)
        await stale.wait_for(state="hidden")
