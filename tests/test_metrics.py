"""Tests of what relay counts."""

import re

from prometheus_client import REGISTRY

from relay.store.audit import DEEDS
from tests.support.commands import ROOT
from tests.support.measured import counted


def test_what_people_do_is_counted_by_the_first_word_of_each_action() -> None:
    page = (ROOT / "docs/operating.md").read_text("utf-8")
    table = page[page.index("| action | who |") :].partition("\n\n")[0]
    actions = [action for row in table.splitlines() for action in re.findall(r"`([a-z -]+)`", row.split("|")[1])]

    assert {action.partition(" ")[0] for action in actions} == {*DEEDS}


def test_no_metric_is_made_elsewhere() -> None:
    """A gauge that is not in relay/metrics.py would be on no page of the site."""
    registered = {metric.name for metric in REGISTRY.collect() if metric.name.startswith("relay_")}

    assert registered == {metric.name.removesuffix("_total") for metric in counted()}
