"""Tests of what the settings mean: defaults, spellings, and what is inherited."""

import re
from pathlib import Path
from typing import Any

import pytest

from relay.errors import ConfigError
from relay.policy.retry import RetryPolicy
from relay.policy.watchdog_settings import Watchdog
from tests.support.configuration import GOOD, OPERATORS, configured, problems, warnings

# Meaning


def test_the_defaults_are_those_of_the_documentation() -> None:
    config = configured(f"{GOOD}{OPERATORS}", ("timezone: Europe/Berlin\n", ""))

    assert (config.server.host, config.server.port, config.server.max_body) == ("0.0.0.0", 8080, 1_048_576)
    assert config.server.drain == 5.0
    assert (config.redis.url, config.redis.durability, config.redis.replicas) == ("", "auto", 1)
    assert (config.data_dir, config.language, config.timezone, config.templates) == (Path("data"), "en", "UTC", None)
    assert config.retry == RetryPolicy()
    signature = config.sources["async-operations"].signature
    assert (signature.scheme, signature.header, signature.tolerance) == ("hmac-sha256", "", 300.0)
    assert config.warnings == ()


def test_a_destination_takes_from_the_retry_at_the_top_what_its_own_leaves_out() -> None:
    config = configured(
        GOOD,
        ("timezone: Europe/Berlin", "retry: {maxRetries: 9, retry_delay: 5m, max_delay: 2h}"),
        ("mode: live", "retry: {retryDelay: 1s}"),
    )

    assert config.retry == RetryPolicy(max_retries=9, retry_delay=300, max_delay=7200)
    assert config.destinations["team"].retry == RetryPolicy(max_retries=9, retry_delay=1, max_delay=7200)
    assert config.destinations["analysts"].retry is None


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("mode: live", (60, 5, 15)),
        ("live: {post_after: 0s, min_step: 0, min_interval: 0}", (0, 0, 0)),
    ],
)
def test_limits_on_the_edits_of_a_live_message_have_defaults(written: str, expected: tuple[float, ...]) -> None:
    live = configured(GOOD, ("mode: live", written)).destinations["team"].live

    assert (live.post_after, live.min_step, live.min_interval) == expected


def test_mentions_are_listed_by_status_and_priority_in_any_case_of_letters() -> None:
    config = configured(GOOD, ("mode: live", "mention: {Failed: '@a', critical_timeout: ['@b', '@c']}"))

    assert config.destinations["team"].mention == {"failed": ("@a",), "critical_timeout": ("@b", "@c")}


@pytest.mark.parametrize(
    ("old", "new", "warning"),
    [
        ("scheme: token, secrets: {current: 8c1d9f27b4e05a6372f1c8d4}", "scheme: none, allow_unsigned: true",
         "9: sources.progress.signature: unsigned: anyone who knows the address can send events"),
        ("event: operation.progress", "event: operation.progres",
         "8: sources.progress.event: not an event that relay knows; did you mean operation.progress?"),
        ("[operation.failed]", "[operation.failed, operation.fialed]",
         "27: rules[1].events[1]: not an event that relay knows; did you mean operation.failed?"),
        ("notify: [team, analysts]", "notify: [team]", "18: destinations.analysts: no rule notifies it"),
        ("  analysts:\n", '  room: {slack: "#team"}\n  analysts:\n',
         "18: destinations.room.slack: #team also stands in team: what reaches both is told there twice"),
        (GOOD[GOOD.index("rules:"):], "rules: []", "20: rules: there are none, so nobody is notified of anything"),
    ],
)  # fmt: skip
def test_what_works_but_was_hardly_meant_is_warned_of(old: str, new: str, warning: str) -> None:
    config = configured(GOOD, (old, new))

    assert warning in warnings(config)


@pytest.mark.parametrize(
    ("events", "watchdog", "reason"),
    [
        ("[operation.failed]", "", "no rule brings operation.stalled here"),
        ("[operation.failed, operation.stalled]", "", ""),
        ('["operation.*"]', "", ""),
        ('["operation.*"]', "watchdog: off\n", "the watchdog is off"),
    ],
)
def test_where_failures_are_held_somebody_hears_of_a_run_that_hangs(events: str, watchdog: str, reason: str) -> None:
    text = GOOD[: GOOD.index("rules:")] + f"rules: [{{name: all, events: {events}, notify: [team, analysts]}}]\n"
    config = configured(text + watchdog, ("  analysts:\n", '  held: {slack: "#held", hold_failure: 5m}\n  analysts:\n'),
                        ("notify: [team, analysts]", "notify: [team, analysts, held]"))  # fmt: skip

    told = [warning for warning in warnings(config) if "hold_failure" in warning]

    assert [reason in warning for warning in told] == ([True] if reason else [])


def test_a_rule_may_be_for_relays_own_events() -> None:
    assert configured(GOOD, ("    priorities: [High, Critical]", "    sources: [relay]")).rules[0].sources == ("relay",)


def test_the_watchdog_has_defaults_and_may_be_off() -> None:
    assert configured().watchdog == Watchdog()
    assert configured(GOOD + "watchdog: off\n").watchdog is None
    changed = configured(GOOD + "watchdog: {silent: 8m, late: off, remind: 1h}\n").watchdog
    assert changed
    assert (changed.silent, changed.late, changed.missing, changed.remind) == (480, None, 1800, (3600,))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("{silent: 0}", "watchdog.silent: expected more than 0; write off to go without this rule"),
        ("{lates: 1h}", "watchdog.lates: unknown key; did you mean late?"),
        *((f"{{{key}: 1}}", f"watchdog.{key}: {instead}") for key, instead in Watchdog.retired.items()),
        ("strict", "watchdog: expected off, or keys and values, such as {silent: 5m, late: 1h, missing: 10m}"),
    ],
)
def test_a_watchdog_that_makes_no_sense_is_refused(written: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(expected)):
        configured(GOOD + f"watchdog: {written}\n")


@pytest.mark.parametrize(
    ("operators", "fault"),
    [
        ("[team, analyst]", "operators[1]: unknown destination 'analyst'; did you mean analysts?"),
        ("nobody", "operators: unknown destination 'nobody'; expected analysts or team or weekly"),
        ("[team, weekly]", "operators[1]: weekly is a digest; expected a destination that is told at once"),
    ],
)
def test_operators_are_destinations_that_are_told_at_once(operators: str, fault: str) -> None:
    weekly = "destinations:\n  weekly: {email: weekly@example.com, mode: digest}\n"

    found = problems(("timezone: Europe/Berlin", f"operators: {operators}"), ("destinations:\n", weekly))

    assert found == [f"relay.yaml:1: {fault}"]


@pytest.mark.parametrize("url", ["hc-ping.com/8c1d9f27", "ftp://hc-ping.com/8c1d9f27", "https://u:p@hc-ping.com/8c1d9f27",
                                 "https://hc-ping.com/8c1 d9f27"])  # fmt: skip
def test_a_heartbeat_that_is_no_address_is_refused_without_repeating_it(url: str) -> None:
    [found] = problems(("timezone: Europe/Berlin", f"heartbeat: {url}"))

    assert found.startswith("relay.yaml:1: heartbeat: expected an address such as https://hc-ping.com/")
    assert "8c1" not in found


OPS = ("    signature:\n      secrets:", "    events: ['batch.*']\n    tenants: acme\n    signature:\n      secrets:")


@pytest.mark.parametrize(
    ("changes", "warning"),
    [
        ([OPS], "rules[1].events[0]: operation.failed: no source of this rule may say it"),
        ([OPS, ("priorities:", "tenants: [acme, globex]\n    sources: async-operations\n    priorities:")],
         "rules[0].tenants[1]: globex: no source of this rule may speak for it"),
        ([("timezone: Europe/Berlin", "dynamic_destinations: {email_domains: example.com}"),
          ("    signature:\n", "    may_name_recipients: false\n    signature:\n")],
         "dynamic_destinations: no source may name recipients; see sources.X.may_name_recipients"),
        ([("    signature:\n", "    max_age: 60d\n    signature:\n")],
         "sources.async-operations.max_age: longer than retention, after which a repetition is told again"),
    ],
)  # fmt: skip
def test_what_sources_are_kept_from_saying_is_warned_of_where_it_is_wanted(changes: Any, warning: str) -> None:
    assert warning in "\n".join(warnings(configured(GOOD, *changes)))


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ("events: [operation progress]", "expected an event's name, with * for any part of it"),
        ("tenants: []", "expected at least one"),
        ("max_age: 10s", "expected at least 1m"),
        ("may_name_recipients: perhaps", "expected true or false"),
    ],
)
def test_what_a_source_may_say_is_checked(written: str, fault: str) -> None:
    (problem,) = problems(("    event: operation.progress", f"    {written}"))

    assert problem.startswith(f"relay.yaml:8: sources.progress.{written.partition(':')[0]}")
    assert fault in problem
