"""deploy/prometheus-rules.yml: each alert fires when it should, and only then, and leads to what to do."""

import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.support.commands import ROOT
from tests.support.measured import metric_names, series_names
from tests.support.patience import patience
from tests.support.programs import needs

RULES = ROOT / "deploy/prometheus-rules.yml"
CASES = Path(__file__).with_name("prometheus-rules.test.yml")
RUNBOOKS = ROOT / "docs/troubleshooting.md"
yaml = YAML(typ="safe", pure=True)


def alerts() -> Iterator[Mapping[str, Any]]:
    for group in yaml.load(RULES.read_text("utf-8"))["groups"]:
        yield from group["rules"]


NAMES = [rule["alert"] for rule in alerts()]


def promtool(*arguments: str) -> str:
    done = subprocess.run([needs("promtool", "prometheus"), *arguments], text=True, capture_output=True,
                          timeout=patience(), check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_prometheus_finds_the_rules_right() -> None:
    promtool("check", "rules", "--lint=all", "--lint-fatal", str(RULES))


@pytest.mark.slow
def test_each_alert_fires_when_it_should_and_not_when_it_should_not(tmp_path: Path) -> None:
    """Of what they say the first sentence: promtool compares all that a rule says, or nothing."""
    rules = yaml.load(RULES.read_text("utf-8"))
    for rule in rules["groups"][0]["rules"]:
        rule["annotations"] = {"summary": rule["annotations"]["summary"]}
    yaml.dump(rules, tmp_path / RULES.name)
    (tmp_path / CASES.name).write_text(CASES.read_text("utf-8"), "utf-8")

    promtool("test", "rules", str(tmp_path / CASES.name))


def test_no_alert_is_without_both_tests() -> None:
    cases = [case for test in yaml.load(CASES.read_text("utf-8"))["tests"] for case in test["alert_rule_test"]]

    for fires in (True, False):
        assert {case["alertname"] for case in cases if bool(case["exp_alerts"]) is fires} == {*NAMES}


@pytest.mark.parametrize("rule", [*alerts()], ids=NAMES)
def test_an_alert_asks_for_metrics_and_leads_to_a_runbook(rule: Mapping[str, Any]) -> None:
    assert metric_names(rule["expr"]) <= series_names() | {"up"}
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")

    assert rule["labels"]["severity"] in ("critical", "warning")
    assert page == "https://relay.example.com/docs/troubleshooting"
    assert anchor == rule["alert"].lower()
    assert re.search(rf"^#+ {anchor}$", RUNBOOKS.read_text("utf-8"), re.M | re.I)
