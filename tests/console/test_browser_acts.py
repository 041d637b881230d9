"""Every action of the console, done as a person would: fields filled in, buttons pressed, the outcome read on the page.

Each is in the audit trail afterwards, with who did it.
"""

import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import pytest
import pytest_asyncio

from relay.console.site import ACTIONS
from tests.console.lived import Lived, lived
from tests.console.lived.events import event
from tests.console.lived.present import DEAD, ODD
from tests.console.showing import Showing, showing, shown_in_a_browser
from tests.support.patience import patience

pytestmark = shown_in_a_browser

Story = Callable[[Showing, Lived], Awaitable[None]]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def changing() -> AsyncIterator[Lived]:
    """A relay of its own: what is done here is seen by no other test."""
    async with lived() as world:
        yield world


@pytest_asyncio.fixture(loop_scope="session")
async def person(browser: Any, changing: Lived) -> AsyncIterator[Showing]:
    async with showing(browser, changing.admin_url) as shown:
        await shown.enter(await changing.link())
        shown.page.on("dialog", lambda dialog: dialog.accept())
        yield shown


async def dead_letters(shown: Showing, world: Lived) -> None:
    """One by its page, some that are ticked, and the rest at once."""
    for button, outcome in (("Replay", "1 put back into the queue"), ("Drop", "1 dropped for good")):
        page = await shown.open("/dead")
        await page.get_by_role("link", name="operation.completed").first.click()
        await press(page, button, outcome)
    boxes = page.get_by_role("checkbox", name=re.compile("^Choose"))
    for number in range(2):
        await boxes.nth(number).check()
    await press(page, "Drop the chosen", "2 dropped for good")
    await page.get_by_role("checkbox", name="All on this page").check()
    assert await boxes.count() == DEAD + 1 - 4
    assert [await box.is_checked() for box in await boxes.all()] == [True] * (DEAD + 1 - 4)
    await page.get_by_role("link", name="Replay all that match…").click()
    await page.get_by_role("heading", name="Replay all dead letters that match?").wait_for()
    assert await page.locator("dd").first.inner_text() == f"{DEAD + 1 - 4}"
    await press(page, "Replay all of them", f"{DEAD + 1 - 4} put back into the queue")

    def arrived() -> int:
        return sum(mail.recipient == "archive@example.com" for mail in world.around.inbox.mails)

    await world.around.inbox.wait_for(lambda: arrived() == DEAD + 1 - 3, patience())


async def quarantined(shown: Showing, world: Lived) -> None:
    """What relay has to be told of first, what stays refused, and what nobody wants."""
    page = await shown.open("/quarantine?source=progress")
    await page.locator('main tbody a[href*="/quarantined?"]').click()
    await page.get_by_role("link", name="Try it").click()
    await page.get_by_text("It would be taken, and reach").wait_for()
    await page.go_back()
    began = event("operation.started", time.time(), "op-early", "finance", status="Initiated")
    assert (await world.post(began)).status == 202
    await press(page, "Replay the body", "1 taken as events")
    page = await shown.open("/quarantine")
    await page.locator('main tbody a[href*="/quarantined?"]').first.click()
    await press(page, "Replay the body", "Nothing was done", role="alert")
    await page.get_by_role("checkbox", name=re.compile("^Choose")).first.check()
    await press(page, "Drop the chosen", "1 dropped from the quarantine for good")
    await page.get_by_role("link", name="Drop all that match…").click()
    await page.get_by_role("heading", name="Drop all quarantined bodies that match for good?").wait_for()
    assert await page.locator("dd").first.inner_text() == f"{ODD - 1}"
    await press(page, "Drop all of them", f"{ODD - 1} dropped from the quarantine for good")
    await page.get_by_text("Nothing is in quarantine").wait_for()


async def destinations(shown: Showing, world: Lived) -> None:
    """Paused, with what was wrong first; resumed; tried; and a reader who wants mails again."""
    page = await shown.open("/destination?name=analysts")
    await page.get_by_label("Reason").fill("Their server moves")
    await page.get_by_label("It lasts").fill("soon")
    await press(page, "Pause: let what is for it wait", "Nothing was done", role="alert")
    assert await page.get_by_label("Reason").input_value() == "Their server moves"
    await page.get_by_label("It lasts").fill("2h")
    await press(page, "Pause: let what is for it wait", "analysts is paused")
    await page.get_by_text("paused by guest of jana").wait_for()
    await press(page, "Send a test message now", "")
    await page.get_by_text("taken").first.wait_for()
    await press(page, "Resume", "analysts goes on")
    page = await shown.open("/destination?name=customers")
    await press(page, "Write to it again", "reader@example.com is written to again")


async def silences(shown: Showing, _world: Lived) -> None:
    page = await shown.open("/silences")
    await page.get_by_label("Job").fill("Order-to-Cash *")
    await page.get_by_role("checkbox", name="process-mining").check()
    await page.get_by_label("It lasts").fill("2h")
    await page.get_by_label("Reason").fill("The extractor is upgraded")
    await page.get_by_label("Or everything").check()
    await page.get_by_label("It lasts").fill("40d")
    await press(page, "Begin this silence", "it lasts longer than 30 days", role="alert")
    assert len((await page.locator("form [role=alert]").inner_text()).splitlines()) == 2  # a line for each fault
    await page.get_by_label("Or everything").uncheck()
    await page.get_by_label("It lasts").fill("2h")
    await press(page, "Begin this silence", "was added")
    row = page.get_by_role("row").filter(has_text="The extractor is upgraded")
    await row.get_by_role("button", name="End it now").click()
    await page.get_by_role("status").filter(has_text="has ended").wait_for()


STORIES: Mapping[Story, dict[str, str]] = {  # the actions of each, with how the audit trail calls them
    dead_letters: {"/dead/replay": "dead replay", "/dead/drop": "dead drop"},
    quarantined: {"/quarantine/replay": "quarantine replay", "/quarantine/drop": "quarantine drop"},
    destinations: {
        "/destinations/pause": "destination pause", "/destinations/resume": "destination resume",
        "/destinations/test": "test-send", "/destinations/allow": "suppressed remove",
    },
    silences: {"/silences/add": "silence add", "/silences/expire": "silence expire"},
}  # fmt: skip


async def test_no_action_is_forgotten() -> None:
    assert {path for told in STORIES.values() for path in told} == {action.path for action in ACTIONS}


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
async def test_it_is_done_and_written_down(person: Showing, changing: Lived, story: Story) -> None:
    posted = set[str]()

    def note(request: Any) -> None:
        if request.method == "POST":
            posted.add(request.url)

    person.page.on("request", note)
    await story(person, changing)
    assert {address.removeprefix(f"{changing.admin_url}/console") for address in posted} == STORIES[story].keys()
    page = await person.open("/audit?actor=guest+of+jana")
    listed = [await row.inner_text() for row in await page.locator("main tbody tr").all()]
    for name in STORIES[story].values():
        assert [text for text in listed if text.startswith(name) and "jana" in text], (name, listed)
    assert [fault for fault in person.faults if "404" not in fault] == []


async def test_a_form_that_is_pressed_twice_is_sent_once(person: Showing, changing: Lived) -> None:
    page = await person.open("/silences")
    await page.get_by_label("Reason").fill("Pressed twice")
    assert await page.get_by_role("button", name="Begin this silence").evaluate(PRESSED_TWICE) == [True, False]


# Whether each press would be sent; none is.
PRESSED_TWICE = """(button) => {
  const sent = [];
  addEventListener("submit", (event) => { sent.push(!event.defaultPrevented); event.preventDefault(); });
  button.click();
  button.click();
  return sent;
}"""


async def press(page: Any, button: str, outcome: str, *, role: str = "status") -> None:
    """The button of this name; the page that follows says this of it."""
    await page.get_by_role("button", name=button, exact=True).first.click()
    await page.locator(f"main [role={role}]").filter(has_text=outcome).first.wait_for()
