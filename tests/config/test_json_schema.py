"""The JSON Schema of the configuration: it takes what relay takes, and refuses what a person most often gets wrong."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from relay.channels import CHANNELS
from relay.config import parse_config
from relay.config.json_schema import json_schema
from relay.errors import ConfigError
from tests.support.commands import ROOT
from tests.support.configuration import GOOD, SECRETS
from tests.support.inprocess import relay
from tests.support.pages import blocks
from tests.support.schemas import faults_by

SCHEMA = json_schema(CHANNELS)
SHIPPED = ROOT / "config/relay.schema.json"
FILES = [*sorted((ROOT / "config").glob("*.yaml")), *sorted((ROOT / "tests/data").glob("*.yaml"))]


def parsed(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def faults(document: Any) -> list[str]:
    return faults_by(SCHEMA, document)


def snippets() -> list[Any]:
    """Every YAML block of the documentation that is a configuration."""
    return [pytest.param(block.text, id=str(block)) for block in blocks("yaml") if not block.reason]


def test_the_shipped_file_is_what_the_command_prints_and_the_example_names_it() -> None:
    printed = relay("config", "schema")

    assert printed.exit_code == 0
    assert json.loads(printed.output) == SCHEMA
    assert SHIPPED.read_text("utf-8") == printed.output, "renew it: relay config schema > config/relay.schema.json"
    first, *_ = (ROOT / "config/relay.yaml").read_text("utf-8").splitlines()
    assert first == f"# yaml-language-server: $schema={SHIPPED.name}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_it_takes_every_configuration_in_the_repository(file: Path) -> None:
    assert faults(parsed(file.read_text("utf-8"))) == []


@pytest.mark.parametrize("block", snippets())
def test_it_takes_every_example_in_the_documentation(block: str) -> None:
    assert faults({**parsed(GOOD), **parsed(block)}) == []


@pytest.mark.parametrize(
    "written",
    [
        "server: {port: '${PORT:-8080}', public_url: 'https://${HOST}', max_body: 1048576}",
        "redis: {url: 'file:REDIS', durability: '${DURABILITY:-auto}', replicas: '2'}",
        "retry: {max_retries: 3, retry_delay: 60s, max_delay: 1h30m, backoff_multiplier: '${FACTOR:-2}'}",
        "retry: {retry_delay: 10 Seconds, max_delay: 1 Hr. 5M}",
        "sources: {ops: {signature: {scheme: HMAC-SHA256, secrets: {current: 8c1d9f27b4e05a6372f1c8d4}}}}",
        "destinations: {team: {slack: '#team', live: {post_after: 0}, mention: {Failed: '@analyst',"
        " CRITICAL_Failed: ['@lead']}},"
        " analysts: {email: a@example.com}}",
        "rules: [{notify: team, priorities: [HIGH, low], statuses: FAILED}]",
        "quiet_hours: {from: '22:00', to: '07:00', pass: [Failed, '${PASSING:-stalled}']}",
        "watchdog: {silent: off, late: 6h, missing: 2m, remind: [30m, 2h]}",
        "quiet_hours: {from: 20:00, to: '07:00', days: 'mon, tue, wed, thu', pass: critical_failed}",
        "dynamic_destinations: {email_domains: example.com, slack: '#team', mention: []}",
        "platform: {base_url: 'https://api.example.com', tenant: 4711, project: a, token: '${TOKEN:-}'}",
    ],
)
def test_it_takes_the_shorthand_that_relay_takes(written: str, tmp_path: Path) -> None:
    redis_url = tmp_path / "redis-url"
    redis_url.write_text("redis://localhost:6379/0", "utf-8")
    key = written.partition(":")[0]
    others = re.sub(rf"^{key}:.*\n(?:[ -].*\n)*", "", GOOD, flags=re.M)
    text = f"{others}\n{written.replace('REDIS', str(redis_url))}\n"
    env = {**SECRETS, "HOST": "relay.example.com"}

    parse_config(text, file="relay.yaml", env=env, channels=CHANNELS)  # or it would be no shorthand

    assert faults(parsed(text)) == []


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (("timezone: Europe/Berlin", "time_zone: Europe/Berlin"), ""),
        (("    mode: live", "    mode: lively"), "destinations.team"),
        (('    slack: "#team"\n', ""), "destinations.team"),
        (("host: localhost,", "host: localhost, port: 70000,"), "channels.email.port"),
        (("priorities: [High, Critical]", "priorities: [Highest]"), "rules.0.priorities"),
        (("    mode: live", "    mention: {faild: '@analyst'}"), "destinations.team.mention"),
        (("  progress:", "  a/b:"), "sources"),
        (("timezone: Europe/Berlin", "retry: {retry_delay: soon}"), "retry.retry_delay"),
    ],
)
def test_it_refuses_what_relay_refuses_at_the_same_place(change: tuple[str, str], place: str) -> None:
    assert change[0] in GOOD
    text = GOOD.replace(*change, 1)

    with pytest.raises(ConfigError):
        parse_config(text, file="relay.yaml", env=SECRETS, channels=CHANNELS)
    assert any(fault.startswith(f"{place}:") for fault in faults(parsed(text))), faults(parsed(text))
