"""Tests of what the README and the pages it leads to say: every command is run, every link and name resolves."""

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
from functools import cache
from pathlib import Path

import aiohttp
import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from relay.cli import COMMANDS, main
from relay_sandbox.standins.inbox import Inbox
from relay_sandbox.standins.slack import SlackStandin
from tests.support.commands import ROOT, Serving, relay
from tests.support.every_case import every_case

pytestmark = pytest.mark.slow

README = (ROOT / "README.md").read_text("utf-8")
SLACK = (ROOT / "docs/slack.md").read_text("utf-8")
GUIDE = (ROOT / "docs/templates.md").read_text("utf-8")
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *(ROOT / "docs").glob("*.md")])
PROGRAM = ".venv/bin/relay"
SERVED = {"url": ("/healthz", "/readyz"), "admin_url": ("/metrics", "/readyz?verbose", "/openapi.json")}


def commands(page: str = README) -> list[list[str]]:
    """Every command of a page's shell blocks, word by word."""
    blocks = re.findall(r"^```sh\n(.*?)^```", page, re.M | re.S)
    lines = [shlex.split(line, comments=True) for block in blocks for line in block.splitlines()]
    return [line for line in lines if line]


def of(program: str, verb: str) -> list[str]:
    """The arguments of the README's one command that begins so."""
    [found] = [line[1:] for line in commands() if line[:2] == [program, verb]]
    return found


def exports(page: str = README) -> dict[str, str]:
    """The variables that a page exports, as a shell makes them."""
    written = dict(line[1].split("=", 1) for line in commands(page) if line[0] == "export")
    lines = [f'export {name}="{value}"' for name, value in written.items()]
    shell = ["sh", "-ec", "\n".join([*lines, *(f'echo "${name}"' for name in written)])]
    made = subprocess.run(shell, text=True, capture_output=True, check=True).stdout.splitlines()
    return dict(zip(written, made, strict=True))


def table() -> dict[str, str]:
    """The README's table of commands: name → what is said of it."""
    return dict(re.findall(r"^\| `relay ([\w-]+)` \| (.*) \|$", README, re.M))


def without_code(page: Path) -> str:
    return re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.M | re.S)


def links() -> list[tuple[Path, str]]:
    """Every link into this repository: the page that has it, and where it leads."""
    found = [(page, target) for page in PAGES for target in re.findall(r"\]\(([^)\s]+)\)", without_code(page))]
    return [(page, target) for page, target in found if not re.match(r"[a-z]+:", target)]


@cache
def anchors(page: Path) -> set[str]:
    """The names by which a page's headings are found."""
    headings = re.findall(r"^#+ (.+)$", without_code(page), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.fixture
def env(home: Path) -> dict[str, str]:
    """Return what the README exports, on a free port, with data in a folder of its own."""
    return {**exports(), "RELAY_HOST": "127.0.0.1", "RELAY_PORT": "0", "RELAY_DATA_DIR": f"{home}/data"}


@pytest.mark.parametrize("line", commands(GUIDE), ids=" ".join)
async def test_every_command_of_the_authors_guide_works(line: list[str], tmp_path: Path, env: dict[str, str]) -> None:
    for folder in ("config", "docs", "tests"):  # what it writes goes elsewhere
        (tmp_path / folder).symlink_to(ROOT / folder)
    shutil.copytree(ROOT / "tests/data/templates", tmp_path / "my-templates")

    done = await relay(*line[1:], env=env, cwd=tmp_path)

    assert line[0] == PROGRAM
    assert done.status == 0, done.out + done.err
    assert done.out


async def test_the_first_hour_with_slack(tmp_path: Path, env: dict[str, str]) -> None:
    """Every command of the page in its order, in an environment that has no more than the page has exported so far,
    against a workspace into which nobody has invited the app yet.
    """
    async with SlackStandin(channels=["process-mining"]) as slack, Inbox() as inbox:
        slack.interact_by_sockets("xapp-the-app-level-token-of-your-slack-app")
        slack.scopes = ""
        env = {name: value for name, value in env.items() if name not in exports()}
        env |= {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": f"{inbox.smtp_port}"}
        exported = exports(SLACK)
        [conversation] = slack.workspace.conversations.values()
        conversation.joined, verbs = False, []
        for section in SLACK.split("\n## "):
            config = _with_slack_of(section, f"base_url: {slack.base_url}", tmp_path / "config/relay.yaml")
            for line in commands(section):
                if line[0] == "export":
                    name = line[1].partition("=")[0]
                    env[name] = exported[name]
                    continue
                words, _, target = " ".join(line[1:]).partition(" > ")
                verbs.append(words)
                async with Serving(config, env) if words.startswith("test-send") else contextlib.nullcontext():
                    done = await relay(*words.split(), "-c", config, env=env, cwd=tmp_path)
                if conversation.joined or words == "slack manifest":
                    assert done.status == 0, done.out + done.err
                elif words == "check --live":
                    [shown] = re.findall(r"^(destinations\.process-mining\.slack: .*)$", SLACK, re.M)
                    assert done.status == 1
                    assert shown in done.out
                    conversation.joined = True
                if target:
                    slack.scopes = ",".join(YAML(typ="safe").load(done.out)["oauth_config"]["scopes"]["bot"])

        assert verbs == ["slack manifest", "check --live", "test-send process-mining", "slack manifest", "check --live"]
        assert "channels.slack.app says" in done.out
        assert "presses come by a socket" in done.out
        assert len(slack.messages("#process-mining")) == 1


def _with_slack_of(section: str, base_url: str, file: Path) -> Path:
    """The shipped configuration, with what this section of the page shows of `channels.slack`, if anything."""
    file.parent.mkdir(exist_ok=True)
    shown = re.findall(r"^```yaml\nchannels:\n  slack:\n(.*?)^```", section, re.M | re.S)
    token = '    token: "${SLACK_BOT_TOKEN}"\n'
    shipped = (ROOT / "config/relay.yaml").read_text("utf-8")
    assert token in shipped
    file.write_text(shipped.replace(token, f"{shown[0] if shown else token}    {base_url}\n"), "utf-8")
    return file


def test_every_command_is_one_that_is_tested_here() -> None:
    programs = {" ".join(line[:2]) for line in commands() if line[0] != "export" and "=" not in line[0]}

    verbs = ("check", "serve", "test-send", "status", "explain", "send")
    assert programs == {"make demo", "make test", "make setup", "curl -H", *(f"{PROGRAM} {verb}" for verb in verbs)}
    settings = re.sub(r"(^|\s)#.*", "", (ROOT / "config/relay.yaml").read_text("utf-8"))
    assert set(exports()) == set(re.findall(r"\$\{(\w+)\}", settings))


async def test_check_finds_the_shipped_configuration_right_and_explain_whom_it_reaches(env: dict[str, str]) -> None:
    done, explained = await relay(*of(PROGRAM, "check"), env=env), await relay(*of(PROGRAM, "explain"), env=env)

    assert done.status == 0, done.out + done.err
    assert (explained.status, "process-mining" in explained.out) == (0, True), explained.err


async def test_the_first_command_beside_serve_sends_a_message(env: dict[str, str], tmp_path: Path) -> None:
    async with SlackStandin(channels=["process-mining"]) as slack:
        config = tmp_path / "relay.yaml"
        shipped = (ROOT / "config/relay.yaml").read_text("utf-8")
        config.write_text(shipped.replace("  slack:\n", f"  slack:\n    base_url: {slack.base_url}\n", 1), "utf-8")
        async with Serving(config, env):
            done = await relay(*of(PROGRAM, "test-send"), env=env)
            status = await relay(*of(PROGRAM, "status"), env=env)

        assert (done.status, status.status) == (0, 0), done.err
        assert len(slack.messages("#process-mining")) == 1
    verbs = [line[1] for line in commands() if line[0] == PROGRAM]
    assert verbs.index("serve") + 1 == verbs.index("test-send")


async def test_serve_starts_takes_what_send_sends_and_stops(env: dict[str, str]) -> None:
    verb, *arguments = of(PROGRAM, "serve")
    assert (verb, arguments[0]) == ("serve", "-c")
    async with Serving(ROOT / arguments[1], env) as serving:
        sent = await relay(*of(PROGRAM, "send"), env=env)
        by_hand = _signed_by_hand(serving.url, env)
        statuses = {}
        async with aiohttp.ClientSession() as session:
            for listener, addresses in SERVED.items():
                for address in addresses:
                    assert f"`{address}`" in README
                    async with session.get(getattr(serving, listener) + address) as response:
                        statuses[address] = response.status

        serving.send_signal(signal.SIGINT)  # as who tries it out: there is no load balancer to wait for
        stopped = await serving.wait()

    assert (sent.status, sent.out.splitlines()[0]) == (0, "202 Accepted"), sent.err
    assert "process-mining slack, live: #process-mining" in sent.out
    assert by_hand == {"status": "accepted", "eventId": None, "deliveries": 3}
    assert set(statuses.values()) == {200}
    assert stopped == 0


def _signed_by_hand(url: str, env: dict[str, str]) -> dict[str, object]:
    """Return what relay answers to the README's own `curl`, whose signature the shell makes."""
    [block] = [block for block in re.findall(r"^```sh\n(.*?)^```", README, re.M | re.S) if "openssl dgst" in block]
    assert "http://127.0.0.1:8080/" in block
    shell = ["bash", "-ec", block.replace("http://127.0.0.1:8080", url)]
    done = subprocess.run(shell, env={**os.environ, **env}, text=True, capture_output=True, check=True)
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def test_the_table_of_commands_is_that_of_the_help() -> None:
    help_text = CliRunner().invoke(main, ["--help"]).output

    in_help = re.findall(r"^  ([\w-]+)  +\S", help_text.partition("Commands:")[2], re.M)
    assert set(table()) == set(in_help)
    assert set(in_help) <= set(COMMANDS)


def test_every_option_that_the_table_names_exists() -> None:
    with every_case() as case:
        for name, words in table().items():
            with case(name):
                done = CliRunner().invoke(main, [name, "--help"])
                assert done.exit_code == 0
                assert set(re.findall(r"--[a-z-]+", words)) <= set(re.findall(r"--[a-z-]+", done.output))


def test_every_link_leads_somewhere() -> None:
    with every_case() as case:
        for page, target in links():
            path, _, anchor = target.partition("#")
            found = page.parent / path if path else page
            with case(page.name, target):
                assert found.exists()
                assert not anchor or anchor in anchors(found)


@pytest.mark.parametrize("page", ["docs/promises.md", "SECURITY.md"])
def test_every_test_that_a_promise_names_exists(page: str) -> None:
    promises = (ROOT / page).read_text("utf-8")
    named = re.findall(r"`((?:tests/[\w/]*)?(?:test_\w+\.py)?)`", promises)

    assert len(set(named)) > 5
    assert [name for name in named if name and not [*ROOT.glob(name), *ROOT.glob(f"tests/**/{name}")]] == []
