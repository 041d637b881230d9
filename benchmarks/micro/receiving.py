"""What an event costs on its way in, step by step, each alone in a loop: `python -m benchmarks.micro receiving`.

An event of about 1.3 kB, signed as Standard Webhooks has it, of an operation that is known, with ten rules. HTTP and
Redis are left out: `make bench` has them.
"""

import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import islice

from benchmarks.micro._timing import least
from benchmarks.speed import requests
from relay.channels import CHANNELS
from relay.config import parse_config
from relay.domain.facts import facts, fill
from relay.domain.parsing import dump, load, parse
from relay.domain.spaces import placed
from relay.domain.strict_json import decode
from relay.policy.targets import Targets
from relay.receiving.schemes import SignedRequest
from relay.receiving.signatures import sign, verify
from relay.store.plan import accept_arguments

SCHEME, NAME = "standard-webhooks", "platform"
RULES = [
    {"name": f"rule {number}", "events": ["operation.*"], "notify": ["team"]}
    | ({"tenants": ["nobody"]} if number else {})
    for number in range(10)
]  # one of which reaches a live message
CONFIG = parse_config(
    json.dumps({
        "sources": {NAME: {"signature": {"scheme": SCHEME, "secrets": {"current": requests.SECRET.decode()}}}},
        "channels": {"slack": {"token": "xoxb-7Qm2-benchmark"}},
        "destinations": {"team": {"slack": "#team", "mode": "live"}},
        "rules": RULES,
    }),
    env={},
    channels=CHANNELS,
)  # fmt: skip


def steps() -> Mapping[str, Callable[[], object]]:
    id_, raw = next(islice(requests.events(), 1000, None))  # some way into a run
    now, received = time.time(), datetime.now(UTC)
    headers = sign(SCHEME, raw, requests.SECRET, message_id=id_, timestamp=now)
    lines = {name.lower(): [value.encode()] for name, value in headers.items()}
    signed, secrets = SignedRequest(raw, lines, None), {"current": requests.SECRET}
    document = decode(raw)
    event = parse(document, source=NAME, received_at=received, delivery_id=id_, raw=raw)
    known = facts(event) | {"since": "1705749600331", "began": "1705749600331"}
    filled = placed(fill(event, known), {})
    targets_for = Targets(CONFIG, CHANNELS).of
    targets, kept = targets_for(filled), dump(filled)
    return {
        "verify: the signature": lambda: verify(SCHEME, signed, secrets, header=None, tolerance=300, now=now),
        "decode: JSON, strictly": lambda: decode(raw),
        "parse: the event in it": lambda: parse(document, source=NAME, received_at=received, delivery_id=id_, raw=raw),
        "fill: what is known of its operation": lambda: placed(fill(event, known), {}),
        "rules: who hears of it": lambda: targets_for(filled),
        "plan: as accept takes it, nobody told": lambda: accept_arguments(filled, ()),
        "plan: with one live message": lambda: accept_arguments(filled, targets),
        "claim: read again as it was kept": lambda: load(kept),
    }


def main(rounds: int = 40, calls: int = 200) -> None:
    """Some 5 seconds."""
    made = steps()
    print("| step | µs of CPU |\n|---|---|")
    for name, cost in zip(made, least([*made.values()], rounds, calls), strict=True):
        print(f"| {name} | {cost:.1f} |", flush=True)
