"""Whom an operation itself asks to be told: as far as the configuration allows, once, and never a whole room."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from relay.channels import CHANNELS
from relay.config import Config, parse_config
from relay.domain.deliveries import RequestLimit, Target
from relay.domain.events import Audience, Event
from relay.policy.presentation import mentions_for
from relay.policy.recipients import mentions
from relay.policy.targets import Targets
from tests.support import events
from tests.support.redis_server import RedisServer
from tests.support.stage import SECRET, Stage, running, surroundings
from tests.support.waiting import until

ALLOWED = "{email_domains: [example.com], slack: ['#process-mining', C0123ABCD]}"


def configuration(allowed: str = ALLOWED, destinations: str = "{}", rules: str = "[]", channels: str = "") -> str:
    return f"""
server: {{host: 127.0.0.1, port: 0, public_url: "https://relay.example.com"}}
retry: {{max_retries: 1, retry_delay: 0.1}}
sources: {{async-operations: {{max_age: off, signature: {{secrets: {{current: "{SECRET}"}}}}}}}}
channels:
  slack: {{token: xoxb-the-token-of-the-stage, base_url: "${{STAGE_SLACK:-https://slack.com/api/}}"{channels}}}
  email: {{host: 127.0.0.1, port: "${{STAGE_SMTP:-25}}", tls: none, from: "Operations <relay@example.com>"}}
destinations: {destinations}
rules: {rules}
dynamic_destinations: {allowed}
"""


def configured(*arguments: str, **given: str) -> Config:
    return parse_config(configuration(*arguments, **given), env={}, channels=CHANNELS)


def asking(event: str = "operation.completed", status: str = "Completed", **notifications: Any) -> Event:
    return events.event_of(events.body(event, 50, status=status, notifications=notifications))


def told(event: Event, config: Config) -> list[tuple[str, str, str]]:
    targets = Targets(config, CHANNELS)
    return [
        (target.destination, target.address, recipient.destination.mode)
        for recipient in targets.recipients(event, targets.requested(event))
        for target in targets.at(recipient, event)
        if not target.hold_reason
    ]


def targets_of(event: Event, config: Config) -> tuple[Target, ...]:
    return Targets(config, CHANNELS).of(event)


def held(event: Event, config: Config) -> list[tuple[str, str, str]]:
    targets = targets_of(event, config)
    return [(target.destination, target.address, target.hold_reason) for target in targets if target.hold_reason]


def refused(event: Event, config: Config) -> list[str]:
    return [denied.why for denied in Targets(config, CHANNELS).requested(event).denied]


class TestReading:
    @pytest.mark.parametrize(
        ("notifications", "audience"),
        [
            ({"email": ["a@example.com", " b@example.com "]}, Audience(email=("a@example.com", "b@example.com"))),
            ({"email": "a@example.com"}, Audience(email=("a@example.com",))),
            ({"slack": {"channel": "#ops", "mentionUsers": "@a"}}, Audience(slack=("#ops",), mentions=("@a",))),
            ({"email": ["a@example.com", 7, None, ["b@x.y"], "", "a@example.com"]}, Audience(("a@example.com",))),
            ({"email": ["a@x.y\r\nBcc: x", "x" * 255]}, Audience(("a@x.y\ufffd\ufffdBcc: x", "x" * 60 + "…"))),
            ({"slack": {"mentionUsers": ["@a\u202e", "x" * 255]}}, None),
            ({"slack": "#ops"}, None),
            ({}, None),
            ("#ops", None),
        ],
        ids=str,
    )
    def test_whatever_makes_sense_is_read(self, notifications: Any, audience: Audience | None) -> None:
        assert events.event_of(events.body(notifications=notifications)).operation.audience == audience


class TestGranting:
    def test_addresses_of_the_listed_domains_and_listed_conversations_are_told(self) -> None:
        ordinary = ["o'brien@example.com", "a.b+c@example.com", "a_b-c=d@example.com", "müller@example.com"]
        event = asking(email=ordinary, slack={"channel": "#process-mining"})

        by_mail = [("dynamic", address, "each") for address in ordinary]
        assert told(event, configured()) == [*by_mail, ("dynamic", "#process-mining", "live")]

    @pytest.mark.parametrize(
        "notifications",
        [
            {"email": "a@sub.example.com"}, {"email": "a@notexample.com"}, {"email": "a@example.com.evil.com"},
            {"email": "a@example.com, b@evil.com"}, {"email": "a@evil.com@example.com"},
            {"email": "x%evil.test@example.com"}, {"email": "evil.test!a@example.com"},
            {"email": "|id@example.com"}, {"email": '"a@evil.test"@example.com'}, {"email": "a@[127.0.0.1]"},
            {"email": "a\u202e@example.com"}, {"email": "a@example.com\r\nBcc: b@x.y"},
            {"email": f"{'a' * 300}@example.com"},
            {"slack": {"channel": "<!here>"}}, {"slack": {"channel": "#process-mining\x00"}},
            {"slack": {"channel": "#process-mining2"}}, {"slack": {"channel": "U0LEAD0001"}},
        ],
        ids=str,
    )  # fmt: skip
    def test_nobody_else_is(self, notifications: dict[str, Any]) -> None:
        event = asking(**notifications)

        assert [target.hold_reason for target in targets_of(event, configured())] == ["not_allowed"]
        assert len(refused(event, configured())) == 1

    def test_without_the_section_nobody_is(self) -> None:
        event = asking(email="analyst@example.com", slack={"channel": "#process-mining", "mentionUsers": ["@analyst"]})
        config = parse_config(configuration().partition("dynamic_destinations")[0], env={}, channels=CHANNELS)

        assert targets_of(event, config) == ()
        assert refused(event, config) == ["dynamic_destinations is not configured"] * 2
        many = asking(email=[f"a-{number}@example.com" for number in range(12)])
        assert refused(many, configured()) == ["only 10 are told for an operation"] * 2

    def test_a_refusal_is_not_repeated_with_all_progress(self) -> None:
        assert held(asking("operation.progress", "Running", email="a@evil.com"), configured()) == []

    def test_a_batch_asks_for_nobody(self) -> None:
        document = events.body("batch.operation.completed", notifications={"email": "analyst@example.com"})
        event = events.event_of(document | {"batch": {"batchId": "batch-1"}})

        assert targets_of(event, configured()) == ()


class TestLimit:
    def limits(self, address: str, allowed: str = ALLOWED, **given: str) -> list[RequestLimit | None]:
        targets = targets_of(asking(email=address), configured(allowed, **given))
        return [target.limits.requested for target in targets]

    def test_whoever_is_asked_for_gets_so_many_messages(self) -> None:
        limited = "{email_domains: [example.com], message_limit: {count: 3, per: 10m}}"

        assert self.limits("A.B+tag@Example.com") == [RequestLimit("a.b@example.com", 20, 3600.0)]
        assert self.limits("a@example.com", limited) == [RequestLimit("a@example.com", 3, 600.0)]
        assert self.limits("a@example.com", "{email_domains: [example.com], message_limit: off}") == [None]
        rules = "[{events: ['operation.*'], notify: [analysts]}]"
        assert self.limits("analyst@example.com", destinations=TestTellingOnce.named, rules=rules) == [None]


class TestTellingOnce:
    named = "{analysts: {email: [Analyst@example.com]}, team: {slack: '#process-mining', mode: live}}"
    all_events = '[{events: ["operation.*"], notify: [analysts, team]}]'

    def test_whom_a_named_destination_reaches_is_told_by_it_alone(self) -> None:
        event = asking(email="analyst@example.com", slack={"channel": "#process-mining"})

        assert told(event, configured(destinations=self.named, rules=self.all_events)) == [
            ("analysts", "Analyst@example.com", "each"),
            ("team", "#process-mining", "live"),
        ]

    def test_a_live_conversation_that_has_a_name_keeps_its_one_message(self) -> None:
        config = configured(destinations=self.named, rules="[{priorities: [Critical], notify: [analysts, team]}]")
        event = asking(slack={"channel": "#process-mining"})

        assert told(event, config) == [("team", "#process-mining", "live")]

    def test_where_only_a_webhook_leads_outcomes_are_told(self) -> None:
        webhooks = ", webhooks: {'#process-mining': 'https://hooks.slack.com/services/T0/B0/x1'}"
        config = configured(channels=webhooks)
        progress = asking("operation.progress", "Running", slack={"channel": "#process-mining"})

        assert told(asking(slack={"channel": "#process-mining"}), config) == [
            ("dynamic", "#process-mining", "outcomes")
        ]
        assert held(progress, config) == [("dynamic", "#process-mining", "no_outcome")]


class TestMentions:
    def called_by(self, names: list[str], allowed: str = "{slack: ['#process-mining']}") -> list[str]:
        event = asking(slack={"channel": "#process-mining", "mentionUsers": names})
        return [name.removeprefix("person:") for name in mentions(event, configured(allowed).dynamic_destinations)]

    @pytest.mark.parametrize("name", ["here", " @HERE ", "@!here", "＠ｈｅｒｅ", "@group", "<!subteam^S0DATATEAM>"])
    def test_a_whole_room_never_is(self, name: str) -> None:
        assert self.called_by([name]) == []

    def test_with_a_list_only_those_in_it_are(self) -> None:
        allowed = "{slack: ['#process-mining'], mention: ['@analyst']}"

        assert self.called_by(["@Analyst", "@lead", "analyst"], allowed) == ["analyst"]
        assert self.called_by([f"@P-{n}" for n in range(9)]) == [f"@P-{n}" for n in range(5)]

    @pytest.mark.parametrize(
        ("status", "priority", "mention", "expected"),
        [
            ("Failed", "Normal", {}, ["person:@lead"]),
            ("Completed", "Normal", {}, []),
            ("Completed", "Critical", {}, ["person:@lead"]),
            ("Failed", "Critical", {"failed": ["@analyst"]}, ["@analyst", "person:@lead"]),
            ("Failed", "Normal", {"failed": ["@analyst"]}, ["@analyst"]),
            ("Failed", "Critical", {"failed": []}, []),
            ("Cancelled", "Critical", {}, []),
        ],
    )
    def test_they_join_where_the_matrix_calls_or_the_destination_is_silent_about_a_failure(
        self, status: str, priority: str, mention: Mapping[str, list[str]], expected: list[str]
    ) -> None:
        event = events.event_of(events.body(f"operation.{status.lower()}", status=status, priority=priority))

        assert list(mentions_for(event, (), mention, requested=("person:@lead",))) == expected


async def test_what_the_start_asks_for_is_remembered_until_the_end_and_above_the_limit_the_rest_waits(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    config = tmp_path / "relay.yaml"
    config.write_text(configuration("{email_domains: [example.com], slack: ['#process-mining'], "
                                    "message_limit: {count: 2, per: 1h}}"), "utf-8")  # fmt: skip
    slack = {"channel": "#process-mining", "mentionUsers": ["@analyst", "@data-team", "@here"]}
    wishes = {"email": ["analyst@example.com", "spy@evil.com"], "slack": slack}
    async with surroundings(redis_server.url) as around, running(around, config) as instance:
        stage = Stage(around, instance)
        others = [{"email": f"analyst+{number}@example.com"} for number in (1, 2)]
        for event, status, operation, asked in (
            ("started", "Initiated", "op-0", {"notifications": wishes}),
            ("failed", "Failed", "op-0", {}),
            *(("completed", "Completed", f"op-{its['email']}", {"notifications": its}) for its in others),
        ):
            body = events.body(f"operation.{event}", 50, status=status, operationId=operation, **asked)
            assert (await stage.post(body)).status == 202

        async def held() -> bool:  # the round-up is to come
            counts = (await around.ledger()).counts
            return (counts.get("held:requested"), counts["pending"]) == (1, 1)

        await until(held)
        first, second = await around.mails(2)
        shown = await around.messages("#process-mining", bool)
        ledger = await around.ledger()

    assert {mail.recipient.partition("@")[0].partition("+")[0] for mail in (first, second)} == {"analyst"}
    assert first.message["List-Id"] == "<dynamic.relay.example.com>"
    assert str(first.message["List-Unsubscribe"]).startswith("<https://relay.example.com/unsubscribe/")
    assert (ledger.imbalance, ledger.counts["held:not_allowed"]) == (0, 2)
    text = json.dumps([message.blocks for message in shown])
    assert "<@U0ANALYST1>" in text
    assert "<!" not in text.replace("<!date^", "")
