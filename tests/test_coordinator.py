"""A reload takes a file whole or not at all, and exchanges what differs without disturbing what is in use."""

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from relay.coordinator import Coordinator
from tests.support.configuration import GOOD, SECRETS


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "relay.yaml"
    file.write_text(GOOD, "utf-8")
    return file


@pytest.fixture
def coordinator(file: Path) -> Coordinator:
    coordinator = Coordinator(file, SECRETS)
    coordinator.open_channels({})
    return coordinator


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")


async def test_a_reload_exchanges_the_changed_channel_alone(coordinator: Coordinator, file: Path) -> None:
    before, channels = dict(coordinator.channels), coordinator.channels
    reloads: list[str] = []
    coordinator.subscribe(lambda: reloads.append(coordinator.config().channels["email"].host))  # type: ignore[attr-defined]
    change(file, "host: localhost", "host: mail.example.com")

    coordinator.reload()
    await coordinator.aclose()

    assert channels["slack"] is before["slack"]
    assert channels["email"] is not before["email"]
    assert reloads == ["mail.example.com"]  # subscribers see the new configuration


async def test_a_bad_file_changes_nothing(coordinator: Coordinator, file: Path) -> None:
    config, renderer, channels = coordinator.config(), coordinator.renderer(), dict(coordinator.channels)
    reloads: list[None] = []
    coordinator.subscribe(lambda: reloads.append(None))
    change(file, "mode: live", "mode: alive")

    with capture_logs() as lines:
        coordinator.reload()
    await coordinator.aclose()

    assert [line["event"] for line in lines] == ["config.refused"]
    assert "destinations.team.mode: did you mean live?" in lines[0]["reason"]
    assert (coordinator.config(), coordinator.renderer(), coordinator.channels) == (config, renderer, channels)
    assert reloads == []


async def test_what_needs_a_restart_is_named_and_the_rest_is_taken(coordinator: Coordinator, file: Path) -> None:
    change(file, "timezone: Europe/Berlin", "timezone: UTC\nserver: {port: 8099}")

    with capture_logs() as lines:
        coordinator.reload()
    await coordinator.aclose()

    assert [(line["event"], line.get("key")) for line in lines] == [
        ("config.needs_restart", "server"), ("config.reloaded", None),
    ]  # fmt: skip
    assert coordinator.config().timezone == "UTC"


async def test_templates_that_check_refuses_are_logged_and_shown(
    coordinator: Coordinator, file: Path, tmp_path: Path
) -> None:
    (tmp_path / "slack").mkdir()
    (tmp_path / "slack/operation.failed.yaml").write_text("text: '{{ op.nmae }}'\n", "utf-8")
    change(file, "timezone: Europe/Berlin", f"templates: {tmp_path}")

    with capture_logs() as lines:
        coordinator.reload()
        await asyncio.wait(list(coordinator._closing))
    await coordinator.aclose()

    assert {line["event"] for line in lines} == {"config.reloaded", "config.warned"}
    assert any("nmae is unknown" in text for text in coordinator.template_faults().values())


async def test_a_channels_first_use_needs_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "relay.yaml"
    without = GOOD.replace("  email: {host: localhost, from: relay@example.com}\n", "")
    without = without.replace("  analysts:\n    email: [analyst@example.com, lead@example.com]\n", "")
    file.write_text(without.replace("notify: [team, analysts]", "notify: [team]"), "utf-8")
    coordinator = Coordinator(file, SECRETS)
    coordinator.open_channels({})
    file.write_text(GOOD, "utf-8")

    with capture_logs() as lines:
        coordinator.reload()
    await coordinator.aclose()

    assert [line["event"] for line in lines] == ["config.refused"]
    assert "channels.email: a channel's first use needs a restart" in lines[0]["reason"]
