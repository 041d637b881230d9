"""Whatever a document holds, it is refused by `parse` in its own words, or goes all the way: rules, plan, dump, load.

What a sender may get wrong is generated: the API's documents with anything in any place, and documents of nothing but
known keys with values of every type. A fault here would be one that repeats on every try of the sender.
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
from relay.domain.parsing import load, parse
from relay.errors import InvalidEvent, NotJson
from relay.policy.targets import Targets
from relay.store.plan import accept_arguments
from relay.store.records import values_of
from tests.support.events import RECEIVED, SEED, seed

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

DEFAULTS = ("", "operation.progress", "operation.completed", "operation.failed", *BATCH_EVENTS)
NAMES = sorted(path.stem for path in SEED.glob("*.json"))
EVENT_KEYS = ("event", "eventType", "type", "eventId", "timestamp", "webhookId", "tenantId", "projectId", "operation",
              "batch", "data", "payload", "phase", "results", "error", "cancellation", "specversion", "id", "source",
              "time", "stalled", "recovered", "reconciled", "notifications", "operationId", "batchId",
              "newOperationId", "originalOperationId", "retryNumber", "status", "progress")  # fmt: skip
OPERATION_KEYS = ("operationId", "id", "newOperationId", "originalOperationId", "retryNumber", "operationType",
                  "operationName", "status", "priority", "progress", "currentPhase", "startTime", "dateCreated",
                  "estimatedCompletion", "timeoutAt", "notifications", "batchId", "trackingUrl", "results", "error",
                  "phase", "startedAt", "retryAttemptDate", "cancelledBy", "owner")  # fmt: skip
BATCH_KEYS = ("batchId", "id", "batchName", "status", "operations", "totalOperations", "trackingUrl", "batchStartTime")
PROGRESS_KEYS = ("percentage", "currentPhase", "phasesCompleted", "startTime", "estimatedCompletion", "phases")
PART_KEYS = ("phaseName", "name", "status", "phaseStatus", "message", "code", "phase", "summary", "totalDuration",
             "duration", "rule", "episode", "reminder", "email", "slack", "channel", "mentionUsers",
             "processVariants", "recordsAnalyzed", "operationId", "operationKey", "dependencies")  # fmt: skip

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


short = words.filter(lambda text: len(text) <= 64)
times = st.sampled_from(["2024-01-20T11:40:00Z", "2024-01-20", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"])
ids = st.sampled_from(["op-1", "op-2", "op-3", 7, "0", "{r}:due", "x" * 256])


def objects(keys: tuple[str, ...], values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(keys), values, max_size=6)


odd = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=3) | objects((*PART_KEYS, *OPERATION_KEYS), inner), max_leaves=6
)
parts = objects(PART_KEYS, odd)
progress = numbers | st.builds(
    dict.__or__, objects(PROGRESS_KEYS, odd), st.fixed_dictionaries({}, optional={"percentage": numbers})
).filter(lambda said: not isinstance(said.get("percentage"), str | bool | list | dict))
# What parse insists on, in the type that it wants; an odd one is drawn with the other keys.
STRICT: dict[str, st.SearchStrategy[Any]] = {
    "operationId": ids, "newOperationId": ids, "batchId": ids, "id": ids, "eventId": short, "operationType": short,
    "operationName": short, "batchName": short, "status": short, "priority": short, "tenantId": short,
    "projectId": short, "timestamp": times, "progress": progress, "eventType": st.none(),
    "type": st.sampled_from([None, "operation.failed", "com.example.operation.progress",
                             "com.example.batch.operation.completed"]), "source": short, "time": short,
    "operation": st.none(), "batch": st.none(), "data": st.none(), "payload": st.none(), "webhookId": odd,
    "originalOperationId": ids, "retryNumber": st.sampled_from([0, 1, 2, 999_999]),
}  # fmt: skip


def mostly_fitting(keys: tuple[str, ...]) -> st.SearchStrategy[dict[str, Any]]:
    """Some of these keys, mostly so that parse takes them."""
    fitting = st.fixed_dictionaries({}, optional={key: STRICT.get(key, odd | parts) for key in keys})
    spoilt = st.builds(dict.__or__, fitting, st.dictionaries(st.sampled_from(keys), odd, max_size=1))
    return st.one_of(fitting, fitting, fitting, spoilt)


operations = st.builds(dict.__or__, mostly_fitting(OPERATION_KEYS), st.fixed_dictionaries({"operationId": ids}))
members = st.fixed_dictionaries(
    {"status": odd | st.sampled_from(({}, [], 0, None))},
    optional=dict.fromkeys(("operationId", "operationKey", "operationName", "dependencies"), odd),
)
batches = st.builds(
    lambda said, listed: {"batchId": "batch-1", **said, "operations": listed},
    mostly_fitting(BATCH_KEYS), st.lists(members | odd, max_size=3) | odd,
)  # fmt: skip
named = st.sampled_from(["", *OPERATION_EVENTS, *BATCH_EVENTS, "operation.audited", "operation.stalled"])
envelopes = st.builds(
    lambda said, name, more: said | more | ({"event": name} if name else {}),
    mostly_fitting(tuple(key for key in EVENT_KEYS if key != "event")), named,
    st.fixed_dictionaries({"operation": operations}, optional={"batch": batches})
    | st.fixed_dictionaries({"batch": batches}, optional={"operation": operations}) | operations,
)  # fmt: skip


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
    more = draw(mostly_fitting(("originalOperationId", "retryNumber", "status", "priority", "notifications")))
    own = {"operationId": draw(ids), **own, **more} if kind != "batch" else own | more
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
    *_, plan, facts, _entry, body = accept_arguments(event, targets, partitions=4)
    assert json.loads(plan)["name"] == event.name
    assert values_of("facts", facts)["id"] == event.subject
    kept = load(body)
    merge_documents([event, kept])
    return kept


@settings(max_examples=EXAMPLES, deadline=None, derandomize=EXAMPLES == 300, database=None,
          phases=[Phase.generate], suppress_health_check=list(HealthCheck))  # fmt: skip
@given(document=mutated() | envelopes, default=st.sampled_from(DEFAULTS))
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
