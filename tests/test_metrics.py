"""Tests of what relay counts, and the page that explains it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import REGISTRY

from relay.store.audit import DEEDS
from tests.support.commands import ROOT
from tests.support.measured import Metric, counted

ROW = re.compile(r"^\| `(relay_\w+)` \| (\w+) \| ([\w, ]*?) ?\| (.+?) \|", re.M)
ACTION_AT = {"act": 1, "open_act": 0, "Act": 1}  # of what begins an act, which argument says its action


def test_the_page_names_every_metric_with_its_type_and_its_labels() -> None:
    rows = ROW.findall((ROOT / "docs/metrics.md").read_text("utf-8"))
    explained = [Metric(name, type_, tuple(filter(None, labels.split(", ")))) for name, type_, labels, _ in rows]

    assert sorted(explained) == sorted(counted())


def test_what_people_do_is_counted_by_the_first_word_of_each_action() -> None:
    page = (ROOT / "docs/operating.md").read_text("utf-8")
    table = page[page.index("| action | who |") :].partition("\n\n")[0]
    actions = [action for row in table.splitlines() for action in re.findall(r"`([a-z -]+)`", row.split("|")[1])]

    assert {action.partition(" ")[0] for action in actions} == {*DEEDS}
    named = {action for module in (ROOT / "relay").rglob("*.py") for action in _written_by(module)}
    assert {"destination pause", "reload", "unsubscribe", "test-send"} <= named <= {*actions}


def _written_by(module: Path) -> Iterator[str]:
    """The actions that this module names where it begins an act."""
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        begins = node.func
        name = begins.attr if isinstance(begins, ast.Attribute) else begins.id if isinstance(begins, ast.Name) else ""
        if name in ACTION_AT and len(node.args) > ACTION_AT[name]:
            action = node.args[ACTION_AT[name]]
            either = [action.body, action.orelse] if isinstance(action, ast.IfExp) else [action]
            yield from (str(text.value) for text in either if isinstance(text, ast.Constant))


def test_no_metric_is_made_elsewhere() -> None:
    """A gauge that is not in relay/metrics.py would be on no page."""
    registered = {metric.name for metric in REGISTRY.collect() if metric.name.startswith("relay_")}

    assert registered == {metric.name.removesuffix("_total") for metric in counted()}
