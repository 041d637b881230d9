"""relay check: right or wrong, and where."""

import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import yarl
from aiohttp import web
from aiohttp.test_utils import TestServer
from click.testing import Result

from relay_sandbox.standins.inbox import Inbox
from relay_sandbox.standins.slack import Fault, SlackStandin
from tests.cli.serving import change
from tests.support.clusters import clustered
from tests.support.inprocess import NEEDED, SHIPPED, relay, relay_beside
from tests.support.issuers import EC, RSA, key_set
from tests.support.platform import scripted_platform
from tests.support.redis_server import RedisServer
from tests.support.sentinels import NAME, watched

SECRET = "${RELAY_WEBHOOK_SECRET}"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A copy of the shipped configuration, to change one thing in."""
    return Path(shutil.copy(SHIPPED, tmp_path / "relay.yaml"))


def add(config: Path, section: str) -> None:
    config.write_text(f"{config.read_text('utf-8')}{section}\n", "utf-8")


def line_of(config: Path, text: str) -> int:
    """Return where it first stands: what is added to the shipped configuration moves it."""
    before, found, _ = config.read_text("utf-8").partition(text)
    assert found
    return before.count("\n") + 1


@pytest.mark.slow
def test_the_shipped_configuration_is_right_with_a_warning_and_no_secret_is_shown() -> None:
    """It is checked once: making every message in every language takes a second."""
    weak = {"RELAY_WEBHOOK_SECRET": "8c1d9f27b4e05a63"}
    text, facts = relay("check", "-c", SHIPPED, env=weak), json.loads(relay("check", "-c", SHIPPED, "--json").output)

    assert text.exit_code == 0, text.output
    for line in (
        "/webhooks/async-operations: hmac-sha256 current; late after 4h without limit, estimate or history",
        "process-mining: slack, live: #process-mining",
        "follow important runs → process-mining",
        "process-mining: only the owner, no one without, for critical_completed, high_stalled, critical_stalled\n",
        f"warning: {SHIPPED}:{line_of(SHIPPED, SECRET)}: sources.async-operations.signature.secrets.current: "
        "the secret has 16 bytes; 24 or more are better\n",
    ):  # fmt: skip
        assert line in text.output
    assert text.output.endswith(f"{SHIPPED}: OK\n")
    assert (facts["ok"], facts["file"], facts["problems"]) == (True, str(SHIPPED), [])
    assert facts["warnings"] == []
    assert facts["summary"]["templates"] == ["in en, de, for slack, email"]
    assert not [secret for secret in (*NEEDED.values(), *weak.values()) if secret in f"{text.output}{facts}"]


def test_what_is_wrong_is_named_with_its_place(config: Path, tmp_path: Path) -> None:
    unset = tmp_path / "unset.yaml"
    unset.write_text(config.read_text("utf-8").replace(SECRET, "${NOT_SET_ANYWHERE}"), "utf-8")
    folder = tmp_path / "own" / "slack"
    folder.mkdir(parents=True)
    (folder / "operation.failed.yaml").write_text("text: '{{ unfinished'\n")
    templates = tmp_path / "templates.yaml"
    templates.write_text(f"templates: {tmp_path / 'own'}\n{config.read_text('utf-8')}", "utf-8")
    change(config, "mode: live", "mode: dead")

    mode, variable = relay("check", "-c", config, "--json"), relay("check", env={"RELAY_CONFIG": str(unset)})
    template, nowhere = relay("check", "-c", templates), relay("check", "-c", "/no/such/relay.yaml")

    assert json.loads(mode.output)["problems"] == [
        {"path": "destinations.process-mining.mode", "message": "expected live or each or outcomes or digest",
         "line": line_of(config, "mode: dead")}
    ]  # fmt: skip
    assert variable.output == (
        f"{unset}:{line_of(unset, 'NOT_SET_ANYWHERE')}: sources.async-operations.signature.secrets.current: "
        f"the environment variable NOT_SET_ANYWHERE is not set\n{unset}: 1 problem\n"
    )
    assert "templates: " in template.output
    assert nowhere.output.endswith("'/no/such/relay.yaml' does not exist.\n")
    assert [done.exit_code for done in (mode, variable, template, nowhere)] == [1, 1, 1, 2]


# With the other sides


@pytest.fixture
async def slack() -> AsyncIterator[SlackStandin]:
    async with SlackStandin(channels=["process-mining", "operations"]) as standin:
        yield standin


@pytest.fixture
async def live(config: Path, slack: SlackStandin) -> AsyncIterator[Path]:
    change(config, 'token: "${SLACK_BOT_TOKEN}"', f'token: "${{SLACK_BOT_TOKEN}}"\n    base_url: {slack.base_url}')
    async with Inbox() as inbox:
        change(config, '"${SMTP_HOST:-localhost}"', yarl.URL(inbox.url).host or "")
        change(config, '"${SMTP_PORT:-25}"', str(inbox.smtp_port))
        yield config


@asynccontextmanager
async def issuer_keys() -> AsyncIterator[str]:
    """Yield the address of two keys of an issuer."""

    async def give(_request: web.Request) -> web.Response:
        return web.Response(body=key_set(RSA, EC), content_type="application/json")

    app = web.Application()
    app.add_routes([web.get("/keys", give)])
    async with TestServer(app) as server:
        yield str(server.make_url("/keys"))


@pytest.mark.slow
async def test_live_asks_everyone(live: Path, redis_server: RedisServer) -> None:
    listed = {"operations": [], "summary": {"totalOperations": 1247}}
    answers = {"GET /api/t/p/async/operations": [(200, listed), (401, {"detail": "The token is not known."})]}
    with_buttons(live, BUTTONS.replace('"@analyst"', "everyone"))
    async with scripted_platform(answers) as platform, issuer_keys() as keys:
        issued = f"{{scheme: oidc, audience: a, subject: s, keys: '{keys}'}}"
        change(live, "\nsources:", f"\nsources:\n  issued: {{signature: {issued}}}")
        asked = f"platform: {{base_url: {platform.url}, tenant: t, project: p, token: t0ken}}"
        change(live, 'platform: {links: {operation: ""}}', asked)
        command, env = ("check", "-c", live, "--live", "--json"), {"RELAY_REDIS_URL": redis_server.url}
        facts, refused = [json.loads((await relay_beside(*command, env=env)).output) for _ in range(2)]

    assert facts["problems"] == []
    assert facts["live"].pop("channels.slack.app").startswith("may do what this configuration says")
    assert "Example" in facts["live"].pop("channels.slack")
    assert facts["live"].pop("channels.email")
    assert facts["live"] == {
        "redis": "answers; durability is memory", "platform": "answers; operations: 1247",
        "sources.issued": "answers; keys: 2",
        "channels.slack.actions": "Slack knows everybody who may press",
    }  # fmt: skip
    assert [one["path"] for one in refused["problems"]] == ["platform"]
    assert "GET /api/t/p/async/operations: 401" in refused["problems"][0]["message"]


@pytest.mark.soak
async def test_live_asks_the_primary_of_a_cluster_or_of_sentinels_and_shows_no_password(live: Path) -> None:
    add(live, "redis: {durability: replicated}")

    async def asked(url: str) -> Result:
        return await relay_beside("check", "-c", live, "--live", env={"RELAY_REDIS_URL": url})

    async with clustered(password="a-password") as group:
        right, wrong_password = await asked(group.url), await asked(group.url.replace("a-password", "another-one"))
    async with watched(password="a-password", requirepass="a-password", masterauth="a-password",
                       more=f"sentinel auth-pass {NAME} a-password\n") as group:  # fmt: skip
        url = group.url.replace("://", "://:a-password@")
        named, unnamed = await asked(url), await asked(url.replace(NAME, "other"))

    assert [done.exit_code for done in (right, wrong_password, named, unnamed)] == [0, 1, 0, 1]
    assert "answers; durability is replicated" in right.output
    assert "it wants a password, or another one" in wrong_password.output
    assert "the Sentinels that answer watch no primary called other" in unnamed.output
    assert "a-password" not in right.output + wrong_password.output + named.output + unnamed.output


BUTTONS = """    interactivity: http
    signing_secret: the-signing-secret-of-the-app
    actions:
      mute:
        - "@data-team"
        - "@analyst"
        - lead@example.com
"""


def with_buttons(live: Path, buttons: str = BUTTONS) -> int:
    """The configuration with these buttons; the line of `actions`."""
    change(live, '    token: "${SLACK_BOT_TOKEN}"\n', f'    token: "${{SLACK_BOT_TOKEN}}"\n{buttons}')
    return live.read_text("utf-8").splitlines().index("    actions:") + 1


@pytest.mark.slow
async def test_live_says_what_each_side_lacks_with_its_line_and_asks_the_others_all_the_same(
    live: Path, slack: SlackStandin, redis_server: RedisServer
) -> None:
    add(live, "redis: {durability: fsync}")
    [conversation] = [each for each in slack.workspace.conversations.values() if each.name == "process-mining"]
    conversation.joined = False
    slack.scopes = "chat:write,channels:read,groups:read,users:read,users:read.email"
    line = line_of(live, '    slack: "#process-mining"')

    result = await relay_beside("check", "-c", live, "--live", env={"RELAY_REDIS_URL": redis_server.url})

    problems = [text for text in result.output.splitlines() if text.startswith(f"{live}:")]
    assert problems[0].startswith(f"{live}: redis: durability is fsync, but Redis does not run with appendonly yes")
    assert problems[1].startswith(f"{live}:{line_of(live, '    token: ')}: channels.slack.token: groups are not called")
    assert "add the scope usergroups:read in Slack under OAuth & Permissions" in problems[1]
    assert problems[2] == (
        f"{live}:{line}: destinations.process-mining.slack: #process-mining: not_in_channel: type /invite @relay in"
        " #process-mining"
    )
    assert problems[3] == f"{live}: 3 problems"
    assert "channels.email says " in result.output
    assert not slack.called("chat.postMessage")


@pytest.mark.slow
async def test_live_refuses_a_name_under_actions_that_is_no_group_and_a_scope_that_is_missing(
    live: Path, slack: SlackStandin, tmp_path: Path
) -> None:
    line, env = with_buttons(live), {"RELAY_DATA_DIR": str(tmp_path / "data")}
    named = await relay_beside("check", "-c", live, "--live", env=env)
    slack.outages["usergroups.list"] = Fault(error="missing_scope", extra={"needed": "usergroups:read"})
    unasked = await relay_beside("check", "-c", live, "--live", env=env)

    fault = "channels.slack.actions.mute[1]: Slack knows nobody by @analyst; expected a user group"
    assert f"{live}:{line + 3}: {fault}" in named.output
    assert named.output.endswith(f"{live}: 1 problem\n")
    assert "channels.slack.actions says" not in named.output
    assert "the private one is not running; relay serve starts it" in named.output
    assert "Slack answered usergroups.list with missing_scope, needs usergroups:read: " in unasked.output
    assert not (tmp_path / "data").exists()


def test_a_secret_in_clear_text_and_a_file_as_an_argument_are_said(tmp_path: Path) -> None:
    file = tmp_path / "relay.yaml"
    file.write_text(SHIPPED.read_text("utf-8").replace("${SLACK_BOT_TOKEN}", "xoxb-2048-4096-abcdef"))

    warnings = json.loads(relay("check", "-c", file, "--json").output)["warnings"]
    argument = relay("check", file)

    assert [(row["path"], row["message"].split(";")[0]) for row in warnings] == [
        ("channels.slack.token", "is in clear text")
    ]
    assert (argument.exit_code, f"name the file by -c: relay check -c {file}" in argument.output) == (2, True)


@pytest.mark.parametrize(
    ("command", "hint"),
    [("run", "did you mean serve?"), ("stop", "Ctrl-C"), ("logs", "relay explain ID"), ("version", "relay --version")],
)
def test_commands_of_other_programs_are_answered(command: str, hint: str) -> None:
    answer = relay(command)

    assert (answer.exit_code, hint in answer.output) == (2, True)
