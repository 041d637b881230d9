"""Senders that prove themselves by public keys, or spell their documents in other ways, by HTTP against a relay."""

import gzip
import json
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.support.foreign import CLOUD, build_of_google, pipeline_run, workflow_run
from tests.support.foreign_stage import CONFIG, told
from tests.support.issuers import (
    CERTIFICATE,
    CONFIRM,
    KEYS,
    STRANGER,
    TOPIC,
    Published,
    certificate,
    confirming,
    pubsub,
    sns,
    token,
)
from tests.support.redis_server import RedisServer
from tests.support.sender import Reply, Sender
from tests.support.stage import SECRET, Stage, running, surroundings

TEXT, FORM = "text/plain; charset=UTF-8", "application/x-www-form-urlencoded"


@pytest.fixture
def published() -> Published:
    return Published()


@pytest.fixture
async def here(redis_server: RedisServer, published: Published) -> AsyncIterator[Stage]:
    async with (
        surroundings(redis_server.url) as around,
        running(around, CONFIG, fetch=published) as relay,
    ):
        yield Stage(around, relay)


async def post(here: Stage, source: str, document: Any, scheme: str = "", **knobs: Any) -> Reply:
    sender = Sender(f"{here.url}/webhooks/{source}", secret=SECRET, scheme=scheme or "token", clock=time.time)
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return await sender.post(body, signed=bool(scheme), **knobs)


def execution(status: str) -> dict[str, Any]:
    return {"source": "aws.states", "account": "1", "time": "2026-11-21T05:00:00Z", "detail": {
        "executionArn": "arn:aws:states:eu:1:execution:load:n1", "stateMachineArn": "arn:aws:states:eu:1:x:load",
        "status": status, "cause": "Lambda was throttled"}}  # fmt: skip


async def test_a_topic_of_sns_is_confirmed_once_and_then_heard(here: Stage, published: Published) -> None:
    now = time.time()
    published.at |= {CERTIFICATE: certificate(now=now), CONFIRM: b"<ConfirmSubscriptionResponse/>"}
    messages = [
        confirming(now), confirming(now), confirming(now, Token="t/2"), confirming(now, TopicArn=f"{TOPIC}x"),
        sns(execution("RUNNING"), now), sns(execution("FAILED"), now, version="1", Subject="s"), sns("a text", now),
        sns(execution("FAILED"), now, STRANGER), execution("FAILED"),
    ]  # fmt: skip
    replies = [await post(here, "aws", message, content_type=TEXT) for message in messages]
    await here.around.settled()

    assert [reply.status for reply in replies] == [200, 200, 503, 401, 202, 202, 202, 401, 401]
    assert [replies[place].document["status"] for place in (0, 1, 6)] == ["confirmed", "confirmed", "ignored"]
    assert published.asked == [CERTIFICATE, CONFIRM, CONFIRM.replace("t%2F1", "t%2F2")]
    assert "Lambda was throttled" in told(here)[0][1]


async def test_builds_come_by_a_push_of_pubsub_with_its_token(here: Stage, published: Published) -> None:
    now = time.time()
    bearers = [token(now), token(now), token(now, aud="https://other.example.com"), token(now, STRANGER)]
    statuses = []
    for bearer, status in zip(bearers, ("WORKING", "FAILURE", "SUCCESS", "SUCCESS"), strict=True):
        headers = [("Authorization", f"Bearer {bearer}")]
        statuses.append((await post(here, "builds", pubsub(build_of_google(status)), headers=headers)).status)
    large = await post(
        here, "builds", pubsub({"x": "y" * 200_000}), headers=[("Authorization", f"Bearer {bearers[0]}")]
    )
    await here.around.settled()

    assert statuses == [202, 202, 401, 401]
    assert large.status == 413
    assert published.asked == [KEYS]
    assert [reply for reply, _ in told(here)] == [False, True]
    assert "step 2 exited with 1" in told(here)[0][1]


async def test_a_binary_cloud_event_is_read_with_its_headers_and_kept_with_them(here: Stage) -> None:
    async def sent(kind: str, run: dict[str, Any]) -> Reply:
        attributes = CLOUD | {"ce-type": f"dev.tekton.event.pipelinerun.{kind}.v1"}
        return await post(here, "tekton", run, "token", headers=attributes.items())

    replies = [await sent("started", pipeline_run("", "")), await sent("failed", pipeline_run("False", "Failed"))]
    unknown = await sent("dreaming", pipeline_run("", ""))
    await here.around.settled()
    kept = await here.around.store.bodies.named(unknown.document["quarantine"])

    assert [reply.status for reply in replies] == [202, 202]
    assert "Tasks Completed: 3 (Failed: 1)" in told(here)[0][1]
    assert kept is not None
    assert kept.headers["header:ce-type"] == "dev.tekton.event.pipelinerun.dreaming.v1"


async def test_forms_and_gzip_are_taken_where_the_format_says_so_and_within_max_body(here: Stage) -> None:
    run = json.dumps(workflow_run()).encode()
    start = json.dumps({"eventType": "START", "eventTime": "2026-11-21T05:00:00Z", "run": {"runId": "r-1"},
                        "job": {"namespace": "prod", "name": "load"}}).encode()  # fmt: skip
    form, packed, zipped = urlencode({"payload": run}).encode(), gzip.compress(start), [("Content-Encoding", "gzip")]
    taken = [
        await post(here, "github", form, "github", content_type=FORM),
        await post(here, "lineage", packed, "token", headers=zipped),
        await post(here, "github", run, "github", content_type=FORM),  # the type is not signed
    ]
    refused = [
        await post(here, "github", b"payload=%7B%7D&payload=%7B%7D", "github", content_type=FORM),
        await post(here, "github", b"payload=%FF", "github", content_type=FORM),
        await post(here, "github", b"&".join([b"a=1"] * 11), "github", content_type=FORM),
        await post(here, "lineage", gzip.compress(b" " * 3_000_000), "token", headers=zipped),  # of 3 kB
        await post(here, "lineage", packed[:-9], "token", headers=zipped),
        await post(here, "lineage", packed + packed, "token", headers=zipped),
        await post(here, "lineage", start, "token", headers=zipped),
        await post(here, "lineage", packed, headers=zipped),
        await post(here, "github", gzip.compress(run), "github", headers=zipped),
        await post(here, "lineage", form, "token", content_type=FORM),
        await post(here, "lineage", start, "token", content_type=TEXT),
    ]

    assert [reply.status for reply in taken] == [202, 202, 200]
    assert [reply.status for reply in refused] == [400, 400, 400, 413, 400, 400, 400, 401, 415, 415, 415]
