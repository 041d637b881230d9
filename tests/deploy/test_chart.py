"""deploy/helm: Helm itself renders the chart, the API finds that right, and it makes the Pod of deploy/kubernetes."""

import re
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.support.commands import ROOT
from tests.support.every_case import every_case

helm = pytest.importorskip("helm_python", reason="it comes with what relay is developed with")

CHART = ROOT / "deploy/helm/relay"
PAGE = (ROOT / "docs/kubernetes.md").read_text("utf-8")
CONFIG = (ROOT / "config/relay.yaml").read_text("utf-8")
VERSIONS = ("1.30", "1.37")  # an old one that is still met, and the newest whose schemas there are
OF_YOURS = {"existingConfigMap": "relay", "existingSecret": "relay"}
SECRETS = {
    "RELAY_WEBHOOK_SECRET": "5f1c-the-secret-of-the-platform-0a",
    "RELAY_CALLBACK_TOKEN": "91be-the-token-of-the-callback-77",
    "RELAY_ADMIN_TOKEN": "c0de-the-token-of-operators-4d12",
    "RELAY_SECRET": "b7a2-the-secret-of-relay-itself-3e",
    "SLACK_BOT_TOKEN": "xoxb-2048-4096-abcdef",
}
MADE = {"config": CONFIG, "secrets": SECRETS, "redis": {"url": "redis://relay:PASSWORD@redis:6379/0"}}
EVERYTHING = MADE | {
    "existingSecret": "more",
    "image": {"digest": f"sha256:{'0123456789abcdef' * 4}"},
    "imagePullSecrets": [{"name": "registry"}],
    "replicas": 3,
    "env": [{"name": "SMTP_HOST", "value": "mail.example.com"}],
    "args": ["--log-level=warning"],
    "service": {"type": "LoadBalancer", "annotations": {"example.com/kind": "inside"}},
    "ingress": {"enabled": True, "annotations": {"nginx.ingress.kubernetes.io/proxy-body-size": "1m"}},
    "networkPolicy": {
        "world": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress-nginx"}}}],
        "redis": [{"ipBlock": {"cidr": "10.0.0.7/32"}}],
        "egress": [{"ports": [{"port": 465}]}],
    },
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "podAnnotations": {"example.com/owner": "data-platform"},
    "podLabels": {"team": "data-platform"},
    "nodeSelector": {"kubernetes.io/arch": "amd64"},
    "tolerations": [{"key": "dedicated", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "priorityClassName": "important",
    "volumes": [{"name": "tls", "secret": {"secretName": "relay-tls"}}],
    "volumeMounts": [{"name": "tls", "mountPath": "/etc/tls", "readOnly": True}],
}
FORMS = {"of yours": OF_YOURS, "made by the chart": MADE, "with everything": EVERYTHING}
yaml = YAML(typ="safe", pure=True)


def rendered(values: Mapping[str, Any], name: str = "relay") -> dict[str, str]:
    with helm.Chart.load(CHART) as chart:
        texts: dict[str, str] = chart.render(values, name=name, namespace="operations")
    return {Path(file).name: text for file, text in texts.items()}


def documents(values: Mapping[str, Any], name: str = "relay") -> dict[str, dict[str, Any]]:
    """Each by its kind and name."""

    def loaded() -> Iterator[dict[str, Any]]:
        for file, text in rendered(values, name).items():
            if file.endswith(".yaml"):
                yield from filter(None, yaml.load_all(text))

    return {f"{document['kind']} {document['metadata']['name']}": document for document in loaded()}


def pod(values: Mapping[str, Any]) -> Any:
    return documents(values)["Deployment relay"]["spec"]["template"]


def refused(values: Mapping[str, Any]) -> str:
    with pytest.raises((helm.HelmRenderError, helm.HelmValuesError)) as error:
        rendered(values)
    return str(error.value)


@pytest.mark.parametrize("values", [{}, *FORMS.values()], ids=["nothing", *FORMS])
def test_helm_has_nothing_to_say_against_it(values: Mapping[str, Any]) -> None:
    report = helm.lint(CHART, values, strict=True)

    assert (report["errors"], report["total_charts_linted"]) == ([], 1)
    assert [message["error"] for message in report["messages"]] == ["icon is recommended"]


def test_everything_that_it_makes_is_what_the_api_takes() -> None:
    kubernetes = pytest.importorskip("kubernetes_validate", reason="it comes with what relay is developed with")

    with every_case() as case:
        for (form, values), version in product(FORMS.items(), VERSIONS):
            for name, document in documents(values).items():
                if document["kind"] != "ServiceMonitor":  # the Prometheus operator's, of which the API has no schema
                    with case(form, version, name):
                        kubernetes.validate(document, version, strict=True)


def test_its_pod_is_that_of_the_manifests() -> None:
    """Return what was thought of in the one place is not to be missing in the other."""
    manifest = yaml.load((ROOT / "deploy/kubernetes/deployment.yaml").read_text("utf-8"))["spec"]
    chart = documents(OF_YOURS)["Deployment relay"]["spec"]
    [own], [given] = chart["template"]["spec"].pop("containers"), manifest["template"]["spec"].pop("containers")
    assert own.pop("imagePullPolicy") == "IfNotPresent"
    selector = {"app.kubernetes.io/name": "relay", "app.kubernetes.io/instance": "relay"}
    for spread in (*chart["template"]["spec"]["topologySpreadConstraints"],):
        assert spread.pop("labelSelector") == {"matchLabels": selector}
    for spread in (*manifest["template"]["spec"]["topologySpreadConstraints"],):
        del spread["labelSelector"]

    assert own == given
    assert chart["template"]["spec"] == manifest["template"]["spec"]
    assert (chart["replicas"], chart["strategy"]) == (manifest["replicas"], manifest["strategy"])


@pytest.mark.parametrize(
    "other", [{"config": f"{CONFIG}\n"}, {"secrets": SECRETS | {"SLACK_BOT_TOKEN": "xoxb-2-b"}},
              {"redis": {"url": "redis://elsewhere:6379/0"}}],
)  # fmt: skip
def test_another_configuration_or_secret_is_another_pod(other: Mapping[str, Any]) -> None:
    assert pod(MADE | other)["metadata"]["annotations"] != pod(MADE)["metadata"]["annotations"]
    assert pod(MADE | {"replicas": 5}) == pod(MADE)


@pytest.mark.parametrize(("values", "says"), [
    ({"config": CONFIG}, "RELAY_REDIS_URL: nothing says it. Name a Secret that has it: existingSecret"),
    ({"existingSecret": "relay"}, "config: there is none. Give the file: --set-file config=relay.yaml"),
    ({"replcas": 3}, "additional properties 'replcas' not allowed"),
    ({"replicas": "two"}, "at '/replicas': got string, want integer"),
    ({"redis": {"url": "redis:6379"}}, "at '/redis/url'"),
    ({"image": {"repository": "relay:latest"}}, "at '/image/repository'"),
    ({"secrets": {"RELAY-TOKEN": "x"}}, "RELAY-TOKEN"),
    ({"secrets": {"RELAY_TOKEN": ""}}, "at '/secrets/RELAY_TOKEN'"),
    ({"networkPolicy": {"operators": [{}]}}, "at '/networkPolicy/operators/0'"),
    (OF_YOURS | {"existingSecret": "", "redis": {"url": "redis://r"}, "serviceMonitor": {"enabled": True}},
     "RELAY_ADMIN_TOKEN: nothing says it"),
])  # fmt: skip
def test_what_is_missing_or_misspelt_is_said_before_anything_is_installed(values: Any, says: str) -> None:
    assert says in refused(values)


def commands(verb: str) -> Iterator[dict[str, Any]]:
    """Return what docs/kubernetes.md has people type after `helm`, as values."""
    for line in re.findall(rf"^helm {verb} relay deploy/helm/relay (.*)$", PAGE, re.M):
        values: dict[str, Any] = {}
        for option, name, value in re.findall(r"--(set(?:-file)?) ([\w.]+)=(\S+)", line):
            given = {"set": helm.parse_set_string, "set-file": helm.parse_set_literal}[option]
            values |= given(f"{name}={CONFIG if option == 'set-file' else value}")
        yield values


def test_what_the_page_has_people_type_installs_two_relays() -> None:
    [install], [upgrade] = commands("install"), commands("upgrade")
    [secret] = re.findall(r"^kubectl create secret generic (\S+) ", PAGE, re.M)

    made = documents(install)

    [container] = made["Deployment relay"]["spec"]["template"]["spec"]["containers"]
    assert container["image"].startswith("registry.example.com/relay:")
    assert container["envFrom"] == [{"secretRef": {"name": secret}}]
    assert made["ConfigMap relay"]["data"]["relay.yaml"] == CONFIG
    assert upgrade.items() <= install.items()
    notes = rendered(install | upgrade)["NOTES.txt"]
    assert {*re.findall(r"^kubectl ((?:exec|port-forward) .*?)(?: --role \w+)?$", PAGE, re.M)} <= {
        *re.findall(r"kubectl -n operations (.*)$", notes, re.M)
    }
