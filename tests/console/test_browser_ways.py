"""Three clicks: whoever is new here finds out from the first page why a given message did not arrive.

Typing the operation's id into the field on top and pressing Enter is one of them.
"""

import re
from typing import Any

import pytest

from tests.support.lived.present import OPERATION, REASONS
from tests.support.showing import Showing, shown_in_a_browser

pytestmark = shown_in_a_browser

MOST = 3
# For each reason what is pressed once the id was looked up, and the sentence that is read then.
WAYS: dict[str, tuple[list[str], str]] = {
    "bad signature": (["What source async-operations was refused"], "signature missing, wrong or too old"),
    "duplicate": ([], "told at"),
    "late": ([], "1 event came late: something newer was known by then, so nobody was told"),
    "no rule": ([], "no rule matches, so nobody is told"),
    "increment": ([], "67 % is less than 10 points above the 60 % that were told last"),
    "quiet hours": ([], "it came in quiet hours, and is told together with the rest at their end"),
    "silenced": ([], "silence s-closing held it"),
    "unsubscribed": ([], "the reader of reader@example.com has unsubscribed"),
    "rate-limited": ([], "the other side takes no more for now: Slack answered chat.postMessage to #busy"),
    "paused": ([], "somebody has paused its destination: Their server moves"),
    "dead": ([], "554 5.7.1 Message refused by policy"),
}  # fmt: skip
# Where more is to be read or done about it: one click further.
FURTHER = {
    "no rule": ("Show: the rules", "(wanted:"), "quiet hours": ("Show: night-shift", "Quiet hours until"),
    "silenced": ("Show: month-end", "The books are being closed"),
    "unsubscribed": ("Show: customers", "Write to it again"),
    "paused": ("Show: vendor", "Resume"), "dead": ("Show: compliance", "Replay"),
}  # fmt: skip


async def test_every_reason_has_its_way() -> None:
    assert tuple(WAYS) == REASONS


@pytest.mark.parametrize("reason", WAYS)
async def test_the_reason_is_three_clicks_away(operator: Showing, reason: str) -> None:
    links, sentence = WAYS[reason]
    page = await operator.open("/now")
    await page.get_by_role("searchbox", name="Find an operation by its id").fill(OPERATION[reason])
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/console/operation?*")
    for name in links:
        await page.get_by_role("link", name=name, exact=True).click()
        await page.wait_for_load_state()
    assert 1 + len(links) <= MOST
    assert sentence in await read(page)


@pytest.mark.parametrize("reason", FURTHER)
async def test_what_can_be_done_is_one_click_further(operator: Showing, reason: str) -> None:
    name, words = FURTHER[reason]
    page = await operator.open(f"/operation?id={OPERATION[reason]}")
    await page.get_by_role("link", name=name, exact=True).first.click()
    await page.wait_for_load_state()
    assert words in await read(page)


async def read(page: Any) -> str:
    """What stands on the page to be read, whatever lines it is broken into."""
    return re.sub(r"\s+", " ", await page.locator("main").inner_text())
