"""Interactivity as it is set up: what `relay check` says, what is refused, and the stand-in's page in a browser."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from relay.channels.slack.settings import SlackSettings
from tests.interactivity.pressing import CONFIG, SIGNING_SECRET
from tests.support.inprocess import relay

# How it is set up


NEEDED = {"STAGE_SECRET": "kFv8-the-secret-of-the-platform", "STAGE_SLACK": "http://127.0.0.1:1/",
          "STAGE_PLATFORM": "https://mining.example.com"}  # fmt: skip


@pytest.mark.slow
def test_relay_check_tells_who_may_press_what_and_what_slack_needs(tmp_path: Path) -> None:
    file = tmp_path / "relay.yaml"
    links = 'links: {operation: "https://app.example.com/runs/{operationId}"}'
    text = CONFIG.read_text("utf-8").replace("port: 0", "port: 0, public_url: https://relay.example.com")
    file.write_text(text.replace("tenant: tenant-1", f"{links}, tenant: tenant-1"))
    facts = json.loads(relay("check", "-c", file, "--json", env=NEEDED).output)
    assert facts["summary"]["buttons"] == [
        "retry: analyst@example.com",
        "cancel: @data-team, lead@example.com",
        "mute: everyone",
        "take: everyone",
        "@data-team must be user groups in Slack: --live asks",
        "in Slack, Interactivity & Shortcuts, Request URL: https://relay.example.com/slack/interactions",
    ]
    warnings = [one for one in facts["warnings"] if one["path"].startswith(("platform", "channels"))]
    assert {one["message"].partition(";")[0] for one in warnings} <= {"is in clear text"}


@pytest.mark.slow
def test_relay_check_says_what_retry_and_cancel_lack(tmp_path: Path) -> None:
    file = tmp_path / "relay.yaml"
    file.write_text(CONFIG.read_text("utf-8").replace("tenant: tenant-1, project: project-1, ", ""))
    facts = json.loads(relay("check", "-c", file, "--json", env=NEEDED).output)
    assert facts["summary"]["buttons"][0] == "mute: everyone"
    assert ("platform", "the buttons retry and cancel are left out: they need tenant, project") in [
        (warning["path"], warning["message"]) for warning in facts["warnings"]
    ]


@pytest.mark.parametrize(("settings", "says"), [
    ({"signing_secret": ""}, "needs signing_secret"),
    ({"interactivity": "socket"}, "interactivity: socket needs app_token, xapp-"),
    ({"interactivity": "socket", "app_token": "xoxb-1-a"}, "expected an app-level token, xapp-"),
    ({"interactivity": "sockets"}, "'off', 'http' or 'socket'"),
    ({"token": None, "webhooks": {"#a": "https://hooks.slack.com/services/T/B/x"}}, "needs token"),
    ({"actions": {"cancel": ["@here"]}}, "nobody who could press"),
    ({"actions": {"cancel": ["lead@example.com", "Jana Müller"]}}, "Jana Müller names nobody who could press"),
    ({"actions": {"cancel": ["#ops"]}}, "a user group such as @data-team"),
    ({"actions": {"mute": "@everyone"}}, "expected everyone, "),
    ({"actions": {"restart": ["@lead"]}}, "Extra inputs"),
])  # fmt: skip
def test_what_cannot_work_is_refused(settings: dict[str, Any], says: str) -> None:
    whole = {"token": "xoxb-1-a", "interactivity": "http", "signing_secret": SIGNING_SECRET, **settings}
    given = {key: value for key, value in whole.items() if value is not None}
    with pytest.raises(ValidationError, match=says):
        SlackSettings.model_validate(given)
