"""Outages of Slack and of the mail server, of minutes and hours: all is delivered once, and promptly after them."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from tests.support.outages import OUTAGES, SLACK_OUTAGES, UNCERTAIN, World
from tests.support.traffic import Account, busy, passes, single

MINUTE, HOUR = 60.0, 3600.0
SECONDS = {"140s": 140.0, "35min": 35 * MINUTE, "4h": 4 * HOUR}
PROMPTLY = 61.0  # seconds after the end of an outage in which everything is delivered: a probe comes each minute
QUARTER = 15 * MINUTE  # between two attempts of a message that may have arrived, where nothing says whether it has

# Some cells of all; `make soak` has the others.
USUAL = """
503-html-140s-busy-kill reset-140s-single fatal_error-posted-140s-busy-kill 200-html-140s-single
mail-cut-after-dot-140s-busy mail-taken-then-cut-140s-single-kill mail-451-140s-single
"""


def cells() -> Iterator[Any]:
    for cell in product(OUTAGES, SECONDS, ("busy", "single"), ("", "kill")):
        name = "-".join(filter(None, cell))
        yield pytest.param(*cell, id=name, marks=[] if name in USUAL.split() else pytest.mark.soak)


@pytest.mark.parametrize(("outage", "lasts", "traffic", "kill"), [*cells()])
async def test_after_an_outage_everything_is_shown_once_and_promptly(
    outpost: World, outage: str, lasts: str, traffic: str, kill: str
) -> None:
    seconds, tenant = SECONDS[lasts], "slack" if outage in SLACK_OUTAGES else "email"
    runs = busy(60, seconds) if traffic == "busy" else single(seconds)

    await passes(outpost, OUTAGES[outage], runs, tenant, seconds=seconds, kill=bool(kill))
    await outpost.flow.wait(PROMPTLY + (QUARTER if outage in UNCERTAIN and traffic == "single" else 0))

    account, counts = Account(outpost, tenant, runs), (await outpost.flow.ledger()).counts
    print(f"FIG {outage} {lasts} {traffic} {kill or '-'}: dead={counts['dead']} {account} "
          f"unknown={counts['unknown_outcomes']} pending={counts['pending']}")  # fmt: skip
    assert counts["dead"] == 0
    assert (account.missing, account.stale) == ([], [])
    assert account.doubled.total() <= (counts["unknown_outcomes"] if tenant == "email" else 0)
    assert counts["pending"] == 0
    assert outpost.flow.slack.violations == []
