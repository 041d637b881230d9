"""Destinations with several channels under one name."""

import pytest

from relay.channels import CHANNELS
from relay.config import Config, parse_config
from relay.errors import ConfigError

TEAM = """\
callbacks: {token: kFv8-the-token-of-the-platform}
channels: {slack: {token: xoxb-2048-abcdef}, email: {host: localhost, from: relay@example.com}}
operators: team
destinations:
  team:
    slack: {to: "#team", mode: live, live: {post_after: 15s}}
    email: [lead@example.com, dev@example.com]
    language: de
  room: {language: en, slack: {to: "#room", mode: each}}
rules:
- {name: all, notify: [room, team]}
"""


def parsed(text: str) -> Config:
    return parse_config(text, file="relay.yaml", env={}, channels=CHANNELS)


def test_a_team_is_one_destination_for_each_channel_and_its_name_stands_for_all() -> None:
    config = parsed(TEAM)

    shown = {name: (its.channel, its.addresses, its.mode, its.language) for name, its in config.destinations.items()}
    assert shown == {
        "team.slack": ("slack", ("#team",), "live", "de"),
        "team.email": ("email", ("lead@example.com", "dev@example.com"), "each", "de"),
        "room": ("slack", ("#room",), "each", "en"),
    }
    assert config.destinations["team.slack"].live.post_after == 15
    assert config.rules[0].notify == ("room", "team.slack", "team.email")
    assert config.operators == config.destinations_of("team") == ("team.slack", "team.email")
    assert config.destinations_of("room") == ("room",)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("15s", "15", "6: destinations.team.slack.live.post_after: expected a unit: 15s or 15m?"),
        ('"#team"', '"team room"', "6: destinations.team.slack.to: "),
        ('to: "#team", ', "", "6: destinations.team.slack.to: expected one conversation"),
        ("mode: live", "modus: live", "6: destinations.team.slack.modus: unknown key; did you mean mode?"),
        ("language: de", "mode: live", "8: destinations.team.mode: write it at its channel, slack: {to: …, mode: …}"),
        ("mode: each}}", "mode: each}, mode: live}", "9: destinations.room.mode: also written at slack; write it once"),
        ("language: de", "language: 5", "8: destinations.team.language: expected a language"),
        ("  room:", "  team.slack:", "9: destinations.team.slack: relay calls team's slack so; choose another name"),
        ("[room, team]", "[team, rom]", "11: rules[0].notify[1]: unknown destination 'rom'; did you mean room?"),
    ],
)
def test_a_fault_is_reported_where_it_is_written(old: str, new: str, fault: str) -> None:
    assert old in TEAM
    with pytest.raises(ConfigError) as refused:
        parsed(TEAM.replace(old, new, 1))

    first = refused.value.problems[0]
    assert f"{first.line}: {first.path}: {first.message}".startswith(fault)
