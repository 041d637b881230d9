"""relay init: from nothing to a configuration that only lacks its secrets."""

import stat
from pathlib import Path

import pytest

from relay_sandbox.standins.inbox import Inbox
from tests.support.commands import relay, relay_on_terminal
from tests.support.inprocess import NEEDED

pytestmark = pytest.mark.slow


async def test_init_then_check_says_only_what_is_missing_and_is_right_once_it_is_set(tmp_path: Path) -> None:
    first = await relay("init", env={}, cwd=tmp_path)
    unset = await relay("check", "--json", env={}, cwd=tmp_path)
    right = await relay("check", env=NEEDED, cwd=tmp_path)

    assert (first.status, first.out.partition(" beside it")[0]) == (0, "Wrote config/relay.yaml, and relay.schema.json")
    assert {problem["message"].partition(" (")[0] for problem in unset.facts["problems"]} == {
        f"the environment variable {name} is not set" for name in NEEDED
    }
    assert right.status == 0, right.out


async def test_at_a_terminal_it_asks_three_questions_and_the_first_message_arrives(tmp_path: Path) -> None:
    file = tmp_path / "relay.yaml"
    async with Inbox() as inbox:
        env = {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": f"{inbox.smtp_port}"}
        screen = await typed(["email", "lead", "lead@example.com", "the lab", ""], "init", file, env=env)
        mails = [mail.recipient for mail in inbox.mails]

    assert mails == ["lead@example.com"]
    assert "Your first message arrived: lead@example.com, " in screen
    assert "Error: expected" in screen  # the answer that is no address
    assert "Error: expected a name of letters" in screen  # "the lab" is no part of an address
    assert "POST /webhooks/NAME" in screen
    optional = "Optional, for another mail server than localhost:25: SMTP_HOST, SMTP_PORT, "
    assert f"\n# {optional}" in file.read_text("utf-8")
    assert f"\n  set -a; . {tmp_path / 'relay.env'}; set +a\n" in screen.replace("\r", "")
    assert [*variables(tmp_path / "relay.env")] == ["RELAY_SECRET", "RELAY_WEBHOOK_SECRET", "RELAY_CALLBACK_TOKEN"]


async def test_it_makes_the_secrets_once_and_they_are_all_that_a_shared_redis_needs(tmp_path: Path) -> None:
    shared = {"RELAY_REDIS_URL": "redis://redis:6379/0"}
    file, secrets = tmp_path / "relay.yaml", tmp_path / "relay.env"
    done = await relay("init", file, env={"RELAY_CALLBACK_TOKEN": NEEDED["RELAY_CALLBACK_TOKEN"]})
    made = variables(secrets)
    checked = await relay("check", "-c", file, env=shared | NEEDED | made)
    file.unlink()
    again = await relay("init", file, env={})

    assert f"Wrote {secrets}, with new secrets: only you can read it." in done.out
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o600
    assert {name: len(secret) for name, secret in made.items()} == {"RELAY_SECRET": 64, "RELAY_WEBHOOK_SECRET": 64}
    assert "\n# SLACK_BOT_TOKEN=\n" in secrets.read_text("utf-8")  # nobody can make it up
    assert (checked.status, "RELAY_SECRET" in checked.out) == (0, False), checked.out
    assert f"Left {secrets} as it is." in again.out
    assert variables(secrets) == made


def variables(file: Path) -> dict[str, str]:
    """Return what such a file sets."""
    lines = file.read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


async def test_people_may_be_notified_in_both_ways(tmp_path: Path) -> None:
    file = tmp_path / "relay.yaml"
    screen = await typed(["both", "#ops", "lead@example.com", ""], "init", file, env={})

    assert "No message was sent yet: " in screen
    assert "the environment variable SLACK_BOT_TOKEN is not set" in screen
    checked = await relay("check", "-c", file, env=NEEDED)
    assert (checked.status, "team.slack: slack, live: #ops" in checked.out) == (0, True), checked.out


async def typed(answers: list[str], *arguments: str | Path, env: dict[str, str]) -> str:
    """Run a command at a terminal, answer each of its questions, and return the screen."""
    done = await relay_on_terminal(*arguments, env={**env, "NO_COLOR": "1"}, typed="".join(f"{it}\n" for it in answers))
    assert done.status == 0, done.out
    return done.out


async def test_a_file_and_a_schema_that_exist_are_left_alone(tmp_path: Path) -> None:
    mine, schema = tmp_path / "mine.yaml", tmp_path / "relay.schema.json"
    mine.write_text("mine", "utf-8")
    schema.write_text("{}", "utf-8")

    refused = await relay("init", mine, env={})
    done = await relay("init", tmp_path, env={})

    assert (refused.status, mine.read_text("utf-8")) == (1, "mine")
    assert refused.err == f"{mine} exists already: name another file, or remove it first\n"
    assert (done.status, schema.read_text("utf-8")) == (0, "{}")
    assert "left the other relay.schema.json beside it alone." in done.out


@pytest.mark.parametrize(
    ("command", "variable"), [("check", ""), ("check", "elsewhere.yaml"), ("serve", "elsewhere.yaml"), ("ops", "")]
)
async def test_whoever_has_no_configuration_yet_hears_of_it(command: str, variable: str, tmp_path: Path) -> None:
    done = await relay(command, env={"RELAY_CONFIG": variable} if variable else {}, cwd=tmp_path)

    assert done.status == 2
    assert "Error: Invalid value for '-c' / '--config'" in done.err
    assert done.err.endswith(f": File '{variable or 'config/relay.yaml'}' does not exist. `relay init` writes one.\n")
