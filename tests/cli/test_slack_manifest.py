"""relay slack manifest: an app that has what this configuration needs, in a form that Slack takes."""

import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.support.inprocess import relay

HEAD = """\
server: {public_url: "https://relay.example.com"}
sources: {a: {max_age: off, signature: {secrets: {current: kFv8-the-secret-of-the-platform}}}}
rules: []
"""
SLACK = 'channels: {slack: {token: "${SLACK_BOT_TOKEN}"%s}}\n'
NOBODY = "mention: {critical_failed: [], failed: [], critical_timeout: [], timeout: [], stalled: [], completed: []}"
BUTTONS = ', interactivity: http, signing_secret: "${SLACK_SIGNING_SECRET}", actions: {mute: %s}'
BASE = {"chat:write", "channels:read", "groups:read", "channels:history", "groups:history"}
PERSON = {"chat:write", "im:read", "im:history"}
OWNERS = {"users:read", "users:read.email"}
CONFIGURATIONS = {
    "nobody is called": (SLACK % "", f'team: {{slack: "#team", {NOBODY}}}', BASE),
    "owners are called": (SLACK % "", 'team: {slack: "#team"}', BASE | OWNERS),
    "a digest calls nobody": (SLACK % "", 'team: {slack: "#team", mode: digest}', BASE),
    "a group is called": (SLACK % "", f'team: {{slack: "#team", {NOBODY.replace("[]", "[S0DATATEAM]", 1)}}}', BASE),
    "a group is called by name": (SLACK % "", f'team: {{slack: "#team", {NOBODY.replace("[]", "[data-team]", 1)}}}',
                                  BASE | {"users:read", "usergroups:read"}),
    "a person is written to": (SLACK % "", f"lead: {{slack: U0LEAD0001, {NOBODY}}}", PERSON),
    "everyone may press": (SLACK % (BUTTONS % "everyone"), f"lead: {{slack: U0LEAD0001, {NOBODY}}}",
                           PERSON | {"users:read"}),
    "a group may press": (SLACK % (BUTTONS % '["@data-team"]'), f"lead: {{slack: U0LEAD0001, {NOBODY}}}",
                          PERSON | {"users:read", "usergroups:read"}),
    "an address may press": (SLACK % (BUTTONS % "[lead@example.com]"), f"lead: {{slack: U0LEAD0001, {NOBODY}}}",
                             PERSON | {"users:read", "users:read.email"}),
}  # fmt: skip


def written(file: Path, channels: str, destination: str) -> Path:
    file.write_text(f"{HEAD}{channels}destinations:\n  {destination}\n", "utf-8")
    return file


def manifest(file: Path, **env: str) -> dict[str, Any]:
    done = relay("slack", "manifest", "-c", file, env={"SLACK_BOT_TOKEN": "", **env})
    assert done.exit_code == 0, done.output
    document: dict[str, Any] = YAML(typ="safe").load(done.output)
    return document


@pytest.mark.parametrize(("channels", "destination", "scopes"), CONFIGURATIONS.values(), ids=CONFIGURATIONS.keys())
def test_the_app_has_the_scopes_that_are_needed_and_no_other(
    channels: str, destination: str, scopes: set[str], tmp_path: Path
) -> None:
    document = manifest(written(tmp_path / "relay.yaml", channels, destination))

    assert {*document["oauth_config"]["scopes"]["bot"]} == scopes
    buttons = "interactivity" in channels
    address = {"request_url": "https://relay.example.com/slack/interactions"} if buttons else {}
    assert document["settings"] == {"interactivity": {"is_enabled": buttons, **address}, "org_deploy_enabled": False,
                                    "socket_mode_enabled": False, "token_rotation_enabled": False}  # fmt: skip
    assert ("app_home" in document["features"]) == ("U0LEAD0001" in destination)
    assert document["features"]["bot_user"] == {"display_name": "relay", "always_online": False}
    shown = document["display_information"]
    assert (len(shown["name"]) <= 35, len(shown["description"]) <= 140) == (True, True)  # or Slack refuses it


def test_no_secret_has_to_be_there_yet_and_none_is_written(tmp_path: Path) -> None:
    file = written(tmp_path / "relay.yaml", SLACK % (BUTTONS % "everyone"), 'team: {slack: "#team"}')
    secrets = {"SLACK_BOT_TOKEN": "xoxb-1234-the-real-token", "SLACK_SIGNING_SECRET": "the-real-signing-secret"}

    assert manifest(file) == manifest(file, **secrets)
    assert "the-real" not in json.dumps(manifest(file, **secrets))


@pytest.mark.parametrize("address", ['""', "http://relay.example.com"])
def test_buttons_need_an_address_that_slack_reaches(address: str, tmp_path: Path) -> None:
    file = written(tmp_path / "relay.yaml", SLACK % (BUTTONS % "everyone"), 'team: {slack: "#team"}')
    file.write_text(file.read_text("utf-8").replace('"https://relay.example.com"', address), "utf-8")

    done = relay("slack", "manifest", "-c", file)

    said = f"{file}: server.public_url: {address.strip(chr(34)) or 'empty'}; expected where Slack reaches"
    assert (done.exit_code, said in done.output) == (1, True)
