"""Whatever a document holds, it is refused by `parse` in its own words, or goes all the way: rules, inbox, engine.

What a sender may get wrong is generated: the API's documents with anything in any place. A fault here would be one that
repeats on every try of the sender.
"""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from relay.channels import CHANNELS
from relay.config import parse_config
from relay.domain.documents import decode
from relay.domain.events import BATCH_EVENTS, OPERATION_EVENTS, PRIORITIES, STATUSES, Event
from relay.domain.facts import facts, fill, merge_documents
from relay.domain.identity import fingerprint
from relay.domain.parsing import parse
from relay.engine.intake import Report
from relay.errors import InvalidEvent, NotJson
from relay.policy.targets import Targets
from relay.store.journal.codec import Codec
from relay.store.journal.kinds import KINDS
from tests.support.events import RECEIVED, SEED, seed
from tests.support.memory_store import Shared

pytestmark = pytest.mark.soak

# The same 300 each time, and the first that fails as it is: both keep the time bounded. More are others each time.
EXAMPLES = int(os.environ.get("RELAY_TEST_EXAMPLES", "300"))

CONFIG = parse_config(
    """
sources: {ops: {signature: {secrets: {current: a-secret-of-enough-length}}}}
channels:
  slack: {token: xoxb-the-token-of-the-test, new_message_limit: {count: 5, per: 1m}}
  email: {host: 127.0.0.1, from: relay@example.com}
quiet_hours: {from: "20:00", to: "07:00"}
timezone: Europe/Berlin
dynamic_destinations: {email_domains: [example.com], slack: ["#ops", "#team"], mention: ["@a"]}
destinations:
  team: {slack: "#team", mode: live}
  room: {slack: "#room", mode: each}
  people: {email: [one@example.com, two@example.com]}
  daily: {email: daily@example.com, mode: digest, at: "08:30"}
rules:
  - {name: all, events: ["*"], min_progress_increment: 10, min_interval: 5m, notify: [team, room, people, daily]}
  - {name: some, statuses: [Failed], priorities: [Low, High], tenants: [tenant-1], operation_types: [A], notify: [room]}
""",
    env={},
    channels=CHANNELS,
)

CODEC = Codec(KINDS)
DEFAULTS = ("", "operation.progress", "operation.completed", "operation.failed", *BATCH_EVENTS)
NAMES = sorted(path.stem for path in SEED.glob("*.json"))
KEYS = ("eventId", "timestamp", "tenantId", "originalOperationId", "retryNumber", "status", "priority", "progress",
        "percentage", "phase", "name", "message", "code", "summary", "notifications", "email", "slack", "batchId",
        "operationId", "dependencies", "error", "results", "startTime")  # fmt: skip

words = st.sampled_from([
    "", " ", "op-1", "op-2", "batch-1", "evt-1", "1.0", *STATUSES, *PRIORITIES, "failed", "#ops", "a@example.com",
    *OPERATION_EVENTS, *BATCH_EVENTS, "com.example.operation.progress", "operation.audited",
    "2024-01-20T11:40:00Z", "2024-01-20", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "20240120T114000",
    "1970-01-01T00:00:00.000001Z", "yesterday", "\u0000", "\ud83d\ude00", "\u202e", "\ufffd", "x" * 257,
    "{tenantId}", "%", "/x/{projectId}",
])  # fmt: skip
numbers = st.one_of(
    st.sampled_from([0, 1, -1, 67, 100, 101, 999_999, 1_000_000, 2**31, 2**53, 2**63 - 1, 1 - 2**63, 0.1, -0.0, 1e308,
                     5e-324]),
    st.integers(-200, 200),
)  # fmt: skip
plain = st.one_of(words, numbers, st.none(), st.booleans(), st.text(max_size=8))
odd = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=6,
)
ids = st.sampled_from(["op-1", "op-2", "op-3", 7, "0", "{r}:due", "x" * 256])
more = st.fixed_dictionaries({}, optional={
    "originalOperationId": ids, "retryNumber": st.sampled_from([0, 1, 2, 999_999]),
    "status": words, "priority": words, "notifications": odd,
})  # fmt: skip
named = st.sampled_from(["", *OPERATION_EVENTS, *BATCH_EVENTS, "operation.audited", "operation.stalled"])


def ways(document: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to everything in it."""
    pairs = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    return [way for key, value in pairs for way in ((*above, key), *ways(value, (*above, key)))]


@st.composite
def mutated(draw: Callable[..., Any]) -> dict[str, Any]:
    """A document of the API, in one of its envelopes, with something else in some places."""
    kind = draw(st.sampled_from(["operation", "operation", "batch", "data", "payload", "flat", "member", "member"]))
    own = seed("submit-batch.response" if kind == "batch" else draw(st.sampled_from(NAMES)))
    own = {"operationId": draw(ids), **own, **draw(more)} if kind != "batch" else own | draw(more)
    whole = {"flat": own, "member": {"batch": seed("submit-batch.response"), "operation": own}}
    document: dict[str, Any] = json.loads(json.dumps(whole.get(kind, {kind: own})))
    name = draw(named)
    document |= {"event": name, "tenantId": "tenant-1"} if name else {}
    for _ in range(draw(st.integers(0, 3))):
        way = draw(st.sampled_from(ways(document)))
        spot: Any = document
        for step in way[:-1]:
            spot = spot[step]
        spot[way[-1]] = draw(odd)
    return document


def carried(event: Event) -> Event:
    """Through everything that stands between the signature and the store, and back. Raises nothing."""
    targets = Targets(CONFIG, CHANNELS).of(event)
    assert len(targets) == len({(target.destination, target.address) for target in targets})
    kept: Report = CODEC.read_value(CODEC.value(Report(event, targets), "inbox"), "inbox")
    Shared(RECEIVED.timestamp).step(kept)
    merge_documents([event, kept.event])
    return kept.event


@settings(max_examples=EXAMPLES, deadline=None, derandomize=EXAMPLES == 300, database=None,
          phases=[Phase.generate], suppress_health_check=list(HealthCheck))  # fmt: skip
@given(document=mutated(), default=st.sampled_from(DEFAULTS))
def test_a_document_is_refused_by_parse_or_goes_all_the_way(document: dict[str, Any], default: str) -> None:
    try:
        event = parse(decode(json.dumps(document).encode()), source="ops", received_at=RECEIVED, default_event=default)
    except (NotJson, InvalidEvent):
        return

    kept = carried(event)

    assert kept == event
    assert fingerprint(kept) == fingerprint(event)
    again = fill(replace(event, original=""), facts(event))  # as one whose operation was heard of before
    assert carried(again) == again
    if event.original:  # as one whose original was heard of before
        retried = fill(event, {**facts(event), "original": "op-0", "retry": "2"})
        assert carried(retried) == retried
