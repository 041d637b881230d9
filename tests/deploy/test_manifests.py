"""deploy/kubernetes, and the pages that lead to every file in deploy/."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from relay.cli import main
from tests.support.commands import ROOT
from tests.support.inprocess import NEEDED

pytestmark = pytest.mark.slow

FOLDER = ROOT / "deploy/kubernetes"
HEAD = (FOLDER / "deployment.yaml").read_text("utf-8").partition("apiVersion")[0]
VERSIONS = ("1.30", "1.37")  # what was tried: an old one that is still met, and the newest whose schemas there are


def documents() -> Iterator[tuple[str, dict[str, Any]]]:
    yaml = YAML(typ="safe", pure=True)
    for file in sorted(FOLDER.glob("*.yaml")):
        for document in yaml.load_all(file.read_text("utf-8")):
            yield f"{file.name} {document['kind']} {document['metadata']['name']}", document


MANIFESTS = dict(documents())
DEPLOYMENT = MANIFESTS["deployment.yaml Deployment relay"]
POD: Mapping[str, Any] = DEPLOYMENT["spec"]["template"]["spec"]
[CONTAINER] = POD["containers"]
PORTS = {port["name"]: port["containerPort"] for port in CONTAINER["ports"]}
PROBES = [CONTAINER[name]["httpGet"] for name in ("startupProbe", "readinessProbe", "livenessProbe")]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_is_what_the_api_takes(version: str) -> None:
    validate = pytest.importorskip("kubernetes_validate", reason="it comes with what relay is developed with")

    for document in MANIFESTS.values():
        validate.validate(document, version, strict=True)


def test_the_pod_may_do_nothing_but_its_work() -> None:
    """Return what the Pod Security Standard `restricted` asks for, and a root that nobody writes to."""
    own, shared = CONTAINER["securityContext"], POD["securityContext"]

    assert (own["allowPrivilegeEscalation"], own["readOnlyRootFilesystem"]) == (False, True)
    assert own["capabilities"] == {"drop": ["ALL"]}
    assert shared["runAsNonRoot"] is True
    assert shared["seccompProfile"] == {"type": "RuntimeDefault"}
    assert POD["automountServiceAccountToken"] is False
    assert CONTAINER["resources"]["limits"]["memory"]
    [user] = [line for line in (ROOT / "Dockerfile").read_text("utf-8").splitlines() if line.startswith("USER ")]
    assert user == f"USER {shared['runAsUser']}:{shared['runAsGroup']}"


def test_everything_speaks_of_the_same_pods_and_ports() -> None:
    labels = DEPLOYMENT["spec"]["template"]["metadata"]["labels"]
    selectors = [
        document["spec"].get("selector", document["spec"].get("podSelector")) for document in MANIFESTS.values()
    ]
    services = [document for document in MANIFESTS.values() if document["kind"] == "Service"]
    rules = MANIFESTS["networkpolicy.yaml NetworkPolicy relay"]["spec"]["ingress"]

    assert all(selector.get("matchLabels", selector) == labels for selector in selectors if selector)
    assert {port["targetPort"]: port["port"] for service in services for port in service["spec"]["ports"]} == PORTS
    assert {port["port"] for rule in rules for port in rule["ports"]} == PORTS.keys()
    assert {probe["port"] for probe in PROBES} == {"http"}
    assert POD["terminationGracePeriodSeconds"] == 35  # as docs/deployment.md says


def test_the_ingress_lets_in_what_is_for_the_world_alone() -> None:
    [rule] = MANIFESTS["ingress.yaml Ingress relay"]["spec"]["rules"]

    assert {path["path"] for path in rule["http"]["paths"]} == {"/webhooks", "/slack/interactions", "/unsubscribe"}
    assert {path["backend"]["service"]["port"]["name"] for path in rule["http"]["paths"]} == {"http"}


def test_the_pod_asks_relay_what_it_answers_and_its_secret_has_what_the_configuration_needs() -> None:
    assert CliRunner().invoke(main, [*CONTAINER["args"], "--help"]).exit_code == 0
    assert {probe["path"] for probe in PROBES} == {"/healthz", "/readyz"}
    assert [name for name in (*NEEDED, "RELAY_ADMIN_TOKEN", "RELAY_SECRET") if name not in HEAD] == []
    assert PORTS["admin"] == PORTS["http"] + 1  # the default, which no variable of the Pod changes


PAGE = "".join((ROOT / "docs" / name).read_text("utf-8") for name in ("hardening.md", "reverse-proxies.md"))
DEPLOY = ROOT / "deploy"


def test_the_page_leads_to_every_file_and_every_path_in_it_is_one() -> None:
    shown = {*re.findall(r"\]\(\.\./deploy/([\w./-]+)\)", PAGE), *re.findall(r"^\| `([\w-]+\.yaml)` \|", PAGE, re.M)}
    files = {str(file.relative_to(DEPLOY)) for file in DEPLOY.rglob("*") if file.is_file()}
    chart = {name for name in files if name.startswith("helm/relay/")}  # Helm's own layout, which a link leads to

    assert chart
    assert {name.removeprefix("kubernetes/") for name in files - chart} == {
        name.removeprefix("kubernetes/") for name in shown - {"kubernetes", "helm/relay"}
    }
