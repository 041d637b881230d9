"""deploy/grafana: the dashboard is what Grafana reads, asks for metrics that there are, and in PromQL."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.support.commands import ROOT
from tests.support.measured import counted, metric_names, series_names
from tests.support.patience import patience
from tests.support.programs import needs
from tests.support.schemas import check_schema, faults_by

SCHEMA = json.loads(Path(__file__).with_name("grafana-dashboard.schema.json").read_text("utf-8"))
DASHBOARD = json.loads((ROOT / "deploy/grafana/relay.json").read_text("utf-8"))
OFTEN = "5m"  # for $__rate_interval
yaml = YAML(typ="safe", pure=True)


def queries() -> Iterator[tuple[str, str]]:
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            yield f"{panel['id']} {panel['title']} {target['refId']}", target["expr"]
    for annotation in DASHBOARD["annotations"]["list"]:
        if "expr" in annotation:
            yield annotation["name"], annotation["expr"]


QUERIES = dict(queries())


def test_it_is_a_dashboard_of_grafana() -> None:
    check_schema(SCHEMA)
    assert faults_by(SCHEMA, DASHBOARD) == []


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_a_query_asks_for_metrics_labels_and_variables_that_there_are(query: str) -> None:
    labels = {metric.name: {*metric.labels} for metric in counted()}
    variables = {variable["name"] for variable in DASHBOARD["templating"]["list"]} | {"__rate_interval"}

    assert metric_names(query)
    assert metric_names(query) <= series_names()
    assert {*re.findall(r"\$(\w+)", query)} <= variables
    for name, selector in re.findall(r"(relay_\w+)\{([^}]*)\}", query):
        metric = name if name in labels else re.sub(r"_(bucket|sum|count)$", "", name)
        assert {*re.findall(r"(\w+)\s*[=!]", selector)} <= labels[metric] | {"job", "instance"}


@pytest.mark.slow
def test_prometheus_reads_every_query(tmp_path: Path) -> None:
    rules = [
        {"record": f"query:{number}", "expr": re.sub(r"\$\w+", "x", query.replace("$__rate_interval", OFTEN))}
        for number, query in enumerate(QUERIES.values())
    ]
    file = tmp_path / "queries.yml"
    yaml.dump({"groups": [{"name": "dashboard", "rules": rules}]}, file)

    done = subprocess.run([needs("promtool", "prometheus"), "check", "rules", str(file)], text=True,
                          capture_output=True, timeout=patience(), check=False)  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(QUERIES)} rules found" in done.stdout
