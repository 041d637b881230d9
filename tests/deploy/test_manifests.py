"""deploy/kubernetes: the API's own schemas find the manifests right, and relay is what they say it is."""

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from ruamel.yaml import YAML

from tests.support.commands import ROOT, Serving
from tests.support.patience import patience
from tests.support.ports import free_ports
from tests.support.redis_server import RedisServer
from tests.support.stage import CONFIG, surroundings

pytestmark = pytest.mark.slow

TOKEN = "Yq3x7Wc1Lf9Zk2Rb8Vt5Nh4Dm6Gs0Jp"
FOLDER = ROOT / "deploy/kubernetes"
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


def test_a_field_that_the_api_does_not_know_is_found() -> None:
    validate = pytest.importorskip("kubernetes_validate", reason="it comes with what relay is developed with")

    with pytest.raises(validate.ValidationError):
        validate.validate(DEPLOYMENT | {"spec": DEPLOYMENT["spec"] | {"replcas": 2}}, VERSIONS[-1], strict=True)


def test_the_pod_may_do_nothing_but_its_work() -> None:
    """What the Pod Security Standard `restricted` asks for, and a root that nobody writes to."""
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


def test_the_secret_is_made_of_what_the_configuration_asks_for() -> None:
    head = (FOLDER / "deployment.yaml").read_text("utf-8").partition("apiVersion")[0]

    for name in (
        "RELAY_WEBHOOK_SECRET",
        "RELAY_CALLBACK_TOKEN",
        "RELAY_ADMIN_TOKEN",
        "SLACK_BOT_TOKEN",
        "RELAY_REDIS_URL",
    ):
        assert name in head
    [source] = CONTAINER["envFrom"]
    assert f"kubectl create secret generic {source['secretRef']['name']} " in head
    [configuration] = [volume["configMap"]["name"] for volume in POD["volumes"] if "configMap" in volume]
    assert f"kubectl create configmap {configuration} " in head


async def test_relay_started_so_answers_every_probe(redis_server: RedisServer, tmp_path: Path) -> None:
    port, admin = free_ports(2)
    program, *options = shlex.split(" ".join(CONTAINER["args"]))
    assert program == "serve"
    given = {variable["name"]: variable["value"] for variable in CONTAINER["env"]}

    async with surroundings(redis_server.url) as around:
        env = {
            **around.env,
            **given,
            "RELAY_HOST": "127.0.0.1",
            "RELAY_PORT": str(port),
            "RELAY_ADMIN_PORT": str(admin),
            "RELAY_ADMIN_TOKEN": TOKEN,
        }
        async with (
            Serving(CONFIG, env, *options) as relay,
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(patience())) as client,
        ):
            for probe in PROBES:
                async with client.get(f"{relay.url}{probe['path']}") as answer:
                    assert answer.status == 200
            for headers, status in (({"Authorization": f"Bearer {TOKEN}"}, 200), ({}, 401)):  # as Prometheus asks
                async with client.get(f"{relay.admin_url}/metrics", headers=headers) as answer:
                    assert answer.status == status
