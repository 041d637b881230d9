"""deploy/kubernetes: the API's own schemas find the manifests right, and relay is what they say it is."""

import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

import aiohttp
import pytest
from redis.asyncio import Redis
from ruamel.yaml import YAML

from tests.support.commands import ROOT, Serving
from tests.support.patience import patience
from tests.support.ports import free_ports
from tests.support.redis_server import RedisServer

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


def secret(redis_url: str) -> dict[str, str]:
    """Return what the head of deployment.yaml puts into the Secret."""
    made = dict.fromkeys(re.search(r"for name in ([A-Z_\s#]+?)\s*do", HEAD)[1].replace("#", " ").split(), "")  # type: ignore[index]
    made |= {name: sha256(name.encode()).hexdigest() for name in made}
    given = dict(re.findall(r"echo ([A-Z_]+)=(\S+) >> secrets\.env", HEAD))
    return made | given | {"RELAY_REDIS_URL": redis_url, "SLACK_BOT_TOKEN": "xoxb-2048-4096-abcdef"}


async def test_relay_with_the_shipped_configuration_is_what_the_manifests_say(redis_server: RedisServer) -> None:
    async with Redis.from_url(redis_server.url) as redis:
        await redis.flushall()
    port, admin = free_ports(2)
    program, *options = CONTAINER["args"]
    assert program == "serve"
    env = secret(redis_server.url)
    env |= {variable["name"]: variable["value"] for variable in CONTAINER["env"] if "value" in variable}
    bearer = {"Authorization": f"Bearer {env['RELAY_ADMIN_TOKEN']}"}
    here = {"RELAY_HOST": "127.0.0.1", "RELAY_PORT": f"{port}", "RELAY_ADMIN_PORT": f"{admin}"}

    async with (
        Serving(ROOT / "config/relay.yaml", env | here, *options) as relay,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(patience())) as client,
    ):

        async def status(address: str, **headers: str) -> int:
            async with client.get(address, headers=headers) as answer:
                return answer.status

        probes = [await status(f"{relay.url}{probe['path']}") for probe in PROBES]
        scraped = await status(f"http://127.0.0.1:{admin}/metrics", **bearer)
        asked = [await status(f"http://127.0.0.1:{admin}/metrics"), await status(f"{relay.url}/metrics", **bearer)]

    assert probes == [200] * len(PROBES)
    assert (scraped, asked) == (200, [401, 404])
    assert PORTS["admin"] == PORTS["http"] + 1  # the default, which no variable of the Pod changes
