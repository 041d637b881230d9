"""What a source may say, and how old it may be: refused with the field named, kept, and counted."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from relay.domain.deliveries import Accepted
from relay.domain.events import Event
from relay.domain.permissions import Permissions
from relay.errors import NoRoom, NotPermitted, NotYetKnown
from relay.receiving.configured_source import Early
from relay.receiving.permissions import source_permissions, warnings
from relay.receiving.sources import Source
from tests.support.events import body, event_of
from tests.support.front import TOKEN, Front, assert_problem, count, receiving, signed

CALLBACK = {"signature": {"scheme": "token", "secrets": {"current": TOKEN}}}
BASIC = {"signature": {"scheme": "basic", "secrets": {"current": f"relay:{TOKEN}"}}}
OPEN = {"signature": {"scheme": "none", "allow_unsigned": True}}


def sources(**settings: dict[str, Any]) -> dict[str, Source]:
    return {name: Source.model_validate(setting) for name, setting in settings.items()}


class TestDefaults:
    @pytest.mark.parametrize(("event", "events"), [
        ("operation.progress", {"operation.started", "operation.progress", "operation.phase.completed"}),
        ("operation.completed", {"operation.completed"}),
        ("operation.failed", {"operation.failed", "operation.cancelled"}),
        ("batch.started", {"batch.started"}),
        ("operation.audited", {"operation.audited"}),
    ])  # fmt: skip
    @pytest.mark.parametrize("carried", [CALLBACK, BASIC], ids=["token", "basic"])
    def test_a_callback_says_its_own_event_of_what_is_known_and_names_nobody(
        self, event: str, events: set[str], carried: dict[str, Any]
    ) -> None:
        permissions = source_permissions(sources(ops=signed(), callback={**carried, "event": event}))["callback"]

        assert permissions is not None
        assert permissions.events == events
        assert (permissions.recipients, permissions.begins) == (False, False)

    @pytest.mark.parametrize("others", [
        {},
        {"open": OPEN},
        {"ops": signed(platform="another")},
        {"ops": signed(may_begin_operations=False), "own": {**CALLBACK, "may_begin_operations": True}},
    ])  # fmt: skip
    def test_tokens_alone_begin_operations_themselves(self, others: dict[str, Any]) -> None:
        permissions = source_permissions(sources(callback={**CALLBACK, "event": "operation.progress"}, **others))[
            "callback"
        ]

        assert permissions is not None
        assert permissions.begins


class TestWarnings:
    @pytest.mark.parametrize(("settings", "path", "text"), [
        ({"callback": CALLBACK}, ("sources", "callback"), "no signed source of its platform"),
        (
            {"ops": signed(may_begin_operations=False)},
            ("sources", "ops", "may_begin_operations"),
            "all are refused",
        ),
        ({"ops": signed("stripe", max_age="1d")}, ("sources", "ops", "max_age"), "signature.tolerance"),
        ({"ops": signed(), "east": signed(platform="east")}, ("sources", "ops"), "names no platform"),
    ])  # fmt: skip
    def test_what_is_open_impossible_or_without_effect(self, settings: Any, path: Any, text: str) -> None:
        ((where, why),) = warnings(sources(**settings))

        assert where == path
        assert text in why


LIMITED = {
    "ops": signed(events=["operation.*"], tenants=["tenant-1"], projects=["project-1"]),
    "quiet": signed(may_name_recipients=False),
    "progress": {**CALLBACK, "event": "operation.progress"},
}


@pytest.mark.parametrize(("changes", "field"), [
    ({"event": "batch.started", "batch": {"batchId": "b"}}, "event"),
    ({"event": "operation.audited"}, "event"),
    ({"tenantId": "tenant-2"}, "tenantId"),
    ({"projectId": "project-2"}, "projectId"),
])  # fmt: skip
async def test_what_a_source_may_not_say_is_refused_kept_and_counted(changes: dict[str, Any], field: str) -> None:
    before = count("quarantined", source="ops", reason="reach")
    async with receiving(sources=LIMITED) as front:
        assert (await front.sender().post(body())).status == 202
        reply = await front.sender().post(body() | changes)

    assert_problem(reply, 422)
    assert reply.document["field"] == field
    assert reply.document["quarantine"] == "quarantine-1"
    assert len(front.events) == 1
    assert count("quarantined", source="ops", reason="reach") == before + 1


async def test_whom_a_source_may_not_name_is_nobody_and_the_rest_stays() -> None:
    wishes = {"email": ["cfo@example.com"], "slack": {"mentionUsers": ["@boss"]}}
    async with receiving(sources=LIMITED) as front:
        await front.sender("quiet").post(body(notifications=wishes) | {"notifications": wishes})

    (event,) = front.events
    assert event.operation is not None
    assert event.operation.audience is None
    assert event.operation.name
    assert "cfo@example.com" not in str(event.document)
    assert event.raw == b""  # what is kept is made of the document


def test_a_callback_may_not_say_of_which_tenant_an_operation_is_where_nobody_has() -> None:
    callback, event = Permissions("progress", begins=False), event_of(body())

    callback.check(event, event, {"tenant": "tenant-1", "project": "project-1"})
    with pytest.raises(NotPermitted, match="only a source that may begin operations says of which tenant"):
        callback.check(event, event, {"type": "Report"})


class TestAge:
    @pytest.mark.parametrize(("age", "status"), [
        (timedelta(days=6, hours=23), 202),
        (timedelta(days=7, hours=1), 422),
        (timedelta(hours=-23), 202),
        (timedelta(hours=-25), 422),
    ])  # fmt: skip
    async def test_of_a_body_that_alone_is_signed_its_own_time_counts(
        self, front: Front, age: timedelta, status: int
    ) -> None:
        then = (datetime.fromtimestamp(front.clock(), UTC) - age).isoformat()

        reply = await front.sender().post(body() | {"timestamp": then})

        assert reply.status == status
        if status == 422:
            assert reply.document["field"] == "timestamp"
            assert then in reply.document["detail"]
            assert "2024-01-20T11:20:00+00:00" in reply.document["detail"]
            assert front.quarantined

    @pytest.mark.parametrize("scheme", ["standard-webhooks", "stripe"])
    async def test_of_a_signature_with_a_time_that_counts_alone(self, scheme: str) -> None:
        async with receiving(sources={"ops": signed(scheme)}) as front:
            old = body() | {"timestamp": "2019-01-01T00:00:00Z"}
            fresh, captured = [await front.sender(scheme=scheme).post(old, age=age) for age in (0, 301)]

        assert (fresh.status, captured.status) == (202, 401)


class TestEarly:
    async def test_a_callback_that_overtakes_the_start_of_its_run_hears_of_nothing(self) -> None:
        tries = iter([NotYetKnown("operation.operationId", "x"), None])

        async def ingest(_event: Event, **_permissions: object) -> Accepted:
            if refusal := next(tries):
                raise refusal
            return Accepted("accepted", deliveries=2)

        async with receiving(sources=LIMITED, ingest=ingest) as front:
            reply = await front.sender("progress").post(body())

        assert reply.status == 202
        assert front.quarantined == []

    async def test_only_so_many_wait_and_the_others_are_asked_to_come_again(self) -> None:
        tried = 0

        async def ingest() -> Accepted:
            nonlocal tried
            tried += 1
            raise NotYetKnown("operation.operationId", "x")

        early = Early((0, 0), max_waiting=2)
        answers = await asyncio.gather(*(early.patiently(ingest) for _ in range(5)), return_exceptions=True)

        assert [type(answer) for answer in answers] == [NotYetKnown] * 2 + [NoRoom] * 3
        assert tried == 2 * 3 + 3
