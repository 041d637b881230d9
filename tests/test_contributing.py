"""CONTRIBUTING.md, done to a copy of relay: a field that rules ask for, and a signature scheme."""

import hmac
from pathlib import Path

import pytest
from redis.asyncio import Redis

from tests.support.copied import ROOT, answer, block, copy_to, insert_below
from tests.support.redis_server import RedisServer

pytestmark = pytest.mark.slow

PAGE = (ROOT / "CONTRIBUTING.md").read_text("utf-8")


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """relay with the lines that the page gives."""
    root = copy_to(tmp_path_factory.mktemp("copy"))
    insert_below(
        root / "relay/domain/events.py", "    priority: Annotated", block(PAGE, "python", "## Add an event field")
    )
    insert_below(root / "relay/receiving/schemes.py", "SCHEMES: ", block(PAGE, "python", "## Add a signature scheme"))
    return root


REGIONS = """
import asyncio, json, sys
from datetime import UTC, datetime
from relay.channels import CHANNELS
from relay.config import parse_config
from relay.domain.parsing import parse
from relay.domain.permissions import Permissions
from relay.ingest import Ingest
from relay.policy.matching import Matcher
from relay.store import Store

config = parse_config('''
sources: {ops: {signature: {secrets: {current: "a-secret-of-enough-length"}}}}
channels: {slack: {token: xoxb-1-x}}
destinations: {eu: {slack: "#eu", mode: each}, us: {slack: "#us", mode: each}}
rules:
  - {name: eu, events: operation.failed, regions: EU, notify: eu}
  - {name: us, events: operation.failed, regions: US, notify: us}
''', env={}, channels=CHANNELS)

def event(name, id_, **operation):
    body = {"event": name, "operation": {"operationId": id_, **operation}}
    return parse(body, source="ops", received_at=datetime.now(UTC))

async def sent():
    store = Store.open(sys.argv[1], process="relay", private=True)
    await store.prepare()
    ingest = Ingest(store, lambda: config, CHANNELS)
    thin, whole = {}, {"operationType": "Nightly", "operationName": "Sales", "priority": "High"}
    for region in ("EU", "US"):
        await ingest.ingest(event("operation.failed", region, region=region))
        for name, document in (("thin", thin), ("whole", whole)):
            await ingest.ingest(event("operation.started", f"{region}-{name}", region=region))
            await ingest.ingest(event("operation.failed", f"{region}-{name}", **document))
    claimed = await store.claim("slack", 20)
    await store.aclose()
    return {delivery.event.own_id: delivery.address for delivery in claimed.deliveries}

failed = event("operation.failed", "op", region="US")
borrowed = Permissions("ops", begins=False).read(failed.document, source="ops", received_at=failed.received_at)
print(json.dumps({
    "sent": asyncio.run(sent()),
    "reasons": [[row.rule, row.matches, row.conditions[-1].actual] for row in Matcher(config.rules).traces(failed)],
    "from a callback": borrowed.operation.region,
}))
"""


async def test_a_field_is_one_line_and_rules_route_by_it(copied: Path, redis_server: RedisServer) -> None:
    """Also where a later document leaves it out, which is filled in from Redis."""
    async with Redis.from_url(redis_server.url) as redis:
        await redis.flushall()

    found = answer(copied, REGIONS, redis_server.url)

    assert found == {
        "sent": {"EU": "#eu", "EU-thin": "#eu", "EU-whole": "#eu", "US": "#us", "US-thin": "#us", "US-whole": "#us"},
        "reasons": [["eu", False, "US"], ["us", True, "US"]],
        "from a callback": "",  # it decides rules, so a source that may not say what an operation is cannot say it
    }


SCHEME = """
import json, sys
from relay.channels import CHANNELS
from relay.config import parse_config
from relay.errors import InvalidSignature
from relay.receiving.scheme import SignedRequest
from relay.receiving.signatures import verify

config = parse_config('''
sources: {git: {signature: {scheme: gitea, secrets: {current: "a-secret-of-enough-length"}}}}
rules: []
''', env={}, channels=CHANNELS)
signature = config.sources["git"].signature
secrets = {name: secret.get_secret_value().encode() for name, secret in signature.secrets.items()}

def verified(body):
    request = SignedRequest(body, {"x-gitea-signature": [sys.argv[1].encode()]})
    try:
        return verify(signature.scheme, request, secrets, header=signature.header, tolerance=300, now=0)
    except InvalidSignature as error:
        return str(error)

print(json.dumps([verified(b"{}"), verified(b"{} ")]))
"""


def test_a_signature_scheme_is_one_line(copied: Path) -> None:
    signature = hmac.new(b"a-secret-of-enough-length", b"{}", "sha256").hexdigest()

    assert answer(copied, SCHEME, signature) == ["current", "no configured secret makes this signature"]
