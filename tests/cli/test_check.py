"""relay check: right or wrong, and where."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yarl
from click.testing import Result

from relay_sandbox.standins.inbox import Inbox
from relay_sandbox.standins.slack import Fault, SlackStandin
from tests.support.clock import Clock
from tests.support.clusters import clustered
from tests.support.inprocess import NEEDED, SHIPPED, relay, relay_beside
from tests.support.oidc_provider import KEYS, SHORT_KEY, oidc_provider
from tests.support.platform import scripted_platform
from tests.support.ports import free_ports
from tests.support.redis_server import RedisServer
from tests.support.sentinels import NAME, watched

SECRET = "${RELAY_WEBHOOK_SECRET}"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A copy of the shipped configuration, to change one thing in."""
    file = tmp_path / "relay.yaml"
    file.write_text(SHIPPED.read_text("utf-8"), "utf-8")
    return file


def change(config: Path, old: str, new: str) -> None:
    text = config.read_text("utf-8")
    assert old in text
    config.write_text(text.replace(old, new, 1), "utf-8")


def add(config: Path, section: str) -> None:
    config.write_text(f"{config.read_text('utf-8')}{section}\n", "utf-8")


def line_of(config: Path, text: str) -> int:
    """Where it first stands: what is added to the shipped configuration moves it."""
    before, found, _ = config.read_text("utf-8").partition(text)
    assert found
    return before.count("\n") + 1


@pytest.fixture(scope="module")
def right() -> Result:
    """The shipped configuration, checked once: making every message in every language takes a second."""
    return relay("check", "-c", SHIPPED, env={"RELAY_WEBHOOK_SECRET": "8c1d9f27b4e05a63"})


@pytest.fixture(scope="module")
def right_facts() -> Result:
    return relay("check", "-c", SHIPPED, "--json")


@pytest.mark.slow
def test_the_shipped_configuration_is_right_and_told_in_a_few_lines(right: Result) -> None:
    assert right.exit_code == 0, right.output
    assert "/webhooks/async-operations: hmac-sha256 current" in right.output
    assert "process-mining: slack, live: #process-mining" in right.output
    assert "follow important runs → process-mining" in right.output
    assert right.output.endswith(f"{SHIPPED}: OK\n")


@pytest.mark.slow
def test_a_warning_is_told_but_nothing_is_wrong(right: Result) -> None:
    place = f"warning: {SHIPPED}:{line_of(SHIPPED, SECRET)}: sources.async-operations.signature.secrets.current: "

    assert right.exit_code == 0
    assert f"{place}the secret has 16 bytes; 24 or more are better\n" in right.output


@pytest.mark.slow
def test_json_has_the_facts(right_facts: Result) -> None:
    facts = json.loads(right_facts.output)

    assert (facts["ok"], facts["file"], facts["problems"]) == (True, str(SHIPPED), [])
    assert [warning["path"] for warning in facts["warnings"]] == [
        "server.public_url", "platform.links.operation", "platform.link_hosts",
    ]  # fmt: skip
    assert facts["summary"]["templates"] == ["in en, de, for slack, email"]


@pytest.mark.parametrize(
    ("public_url", "says"),
    [
        ("", "not set, so mails have no unsubscribe link"),
        ("http://relay.example.com", "only for https addresses"),
        ("http://localhost:8080", ""),
        ("https://relay.example.com", ""),
    ],
)
@pytest.mark.slow
def test_mails_that_nobody_can_unsubscribe_from_are_warned_of(public_url: str, says: str, config: Path) -> None:
    add(config, f'server: {{public_url: "{public_url}"}}')

    facts = json.loads(relay("check", "-c", config, "--json").output)

    found = [one["message"] for one in facts["warnings"] if one["path"] == "server.public_url"]
    assert len(found) == bool(says)
    assert not says or says in found[0]


@pytest.mark.slow
def test_links_that_lead_nowhere_or_anywhere_are_warned_of(config: Path) -> None:
    without = relay("check", "-c", config)
    add(config, 'platform: {links: {operation: "https://app.example.com/runs/{operationId}"}}')
    linked = relay("check", "-c", config)

    assert "platform.links.operation: not set, so messages link to no page" in without.output
    assert "platform.link_hosts: not set, and neither are base_url and links" in without.output
    assert "to any host" in without.output
    assert without.exit_code == linked.exit_code == 0
    assert "platform.link" not in linked.output
    assert "to app.example.com, and what is below" in linked.output


@pytest.mark.slow
def test_no_secret_is_shown(right: Result, right_facts: Result) -> None:
    shown = right.output + right_facts.output

    assert not [secret for secret in (*NEEDED.values(), "8c1d9f27b4e05a63") if secret in shown]


def test_json_has_each_problem_with_its_place(config: Path) -> None:
    change(config, "mode: live", "mode: dead")

    result = relay("check", "-c", config, "--json")

    assert result.exit_code == 1
    assert json.loads(result.output)["problems"] == [
        {
            "path": "destinations.process-mining.mode",
            "message": "expected live or each or outcomes or digest",
            "line": line_of(config, "mode: dead"),
        }
    ]


def test_a_variable_that_is_missing_is_named(config: Path) -> None:
    change(config, "${RELAY_WEBHOOK_SECRET}", "${NOT_SET_ANYWHERE}")

    result = relay("check", env={"RELAY_CONFIG": str(config)})

    assert result.exit_code == 1
    assert result.output == (
        f"{config}:{line_of(config, 'NOT_SET_ANYWHERE')}: sources.async-operations.signature.secrets.current: "
        f"the environment variable NOT_SET_ANYWHERE is not set\n{config}: 1 problem\n"
    )


def test_a_template_that_cannot_be_used_is_a_problem(config: Path, tmp_path: Path) -> None:
    folder = tmp_path / "own" / "slack"
    folder.mkdir(parents=True)
    (folder / "operation.failed.yaml").write_text("text: '{{ unfinished'\n")
    change(config, "language: en", f"templates: {tmp_path / 'own'}\nlanguage: en")

    result = relay("check", "-c", config)

    assert result.exit_code == 1
    assert "templates: " in result.output
    assert "Traceback" not in result.output


def test_a_configuration_that_is_not_there_is_wrong_use() -> None:
    result = relay("check", "-c", "/no/such/relay.yaml")

    assert result.exit_code == 2
    assert "'/no/such/relay.yaml' does not exist" in result.output


# With the other sides


@pytest.fixture
async def slack() -> AsyncIterator[SlackStandin]:
    async with SlackStandin(channels=["process-mining", "operations"]) as standin:
        yield standin


@pytest.fixture
async def inbox() -> AsyncIterator[Inbox]:
    async with Inbox() as standin:
        yield standin


@pytest.fixture
def live(config: Path, slack: SlackStandin, inbox: Inbox) -> Path:
    change(config, 'token: "${SLACK_BOT_TOKEN}"', f'token: "${{SLACK_BOT_TOKEN}}"\n    base_url: {slack.base_url}')
    change(config, '"${SMTP_HOST:-localhost}"', yarl.URL(inbox.url).host or "")
    change(config, '"${SMTP_PORT:-25}"', str(inbox.smtp_port))
    return config


@pytest.mark.slow
async def test_live_asks_everyone(live: Path, redis_server: RedisServer) -> None:
    result = await relay_beside("check", "-c", live, "--live", "--json", env={"RELAY_REDIS_URL": redis_server.url})

    facts = json.loads(result.output)
    assert facts["problems"] == []
    assert set(facts["live"]) == {"redis", "channels.slack", "channels.slack.app", "channels.email"}
    assert facts["live"]["redis"] == "answers; durability is memory"
    assert "Example" in facts["live"]["channels.slack"]


@pytest.mark.slow
async def test_live_warns_of_keys_of_the_provider_of_logins_that_are_too_short(
    live: Path, redis_server: RedisServer, clock: Clock
) -> None:
    async with oidc_provider(clock) as provider:
        provider.published = [*KEYS.values(), SHORT_KEY]
        oidc = f'{{issuer: "{provider.issuer}", client_id: relay, client_secret: x, viewers: [staff]}}'
        add(live, f"console: {{url: http://localhost:8081, oidc: {oidc}}}")
        env = {"RELAY_REDIS_URL": redis_server.url}
        facts = json.loads((await relay_beside("check", "-c", live, "--live", "--json", env=env)).output)

    assert facts["live"]["console.oidc"] == "answers; keys: 3"
    assert [warning["message"] for warning in facts["warnings"] if warning["path"] == "console.oidc"] == [
        "the provider signs with the key short of 1024 bits; expected RSA keys of 2048 or more"
    ]


@pytest.mark.slow
async def test_live_asks_the_primary_that_sentinels_name_and_shows_no_password(live: Path) -> None:
    add(live, "redis: {durability: replicated}")
    async with watched(password="a-password", requirepass="a-password", masterauth="a-password",
                       more=f"sentinel auth-pass {NAME} a-password\n") as group:  # fmt: skip
        url = group.url.replace("://", "://:a-password@")
        right = await relay_beside("check", "-c", live, "--live", "--json", env={"RELAY_REDIS_URL": url})
        wrong = await relay_beside("check", "-c", live, "--live", env={"RELAY_REDIS_URL": url.replace(NAME, "other")})

    assert right.exit_code == 0
    assert "answers; durability is replicated" in right.output
    assert "the primary that the Sentinels at redis.url name" in right.output
    assert wrong.exit_code == 1
    assert "the Sentinels that answer watch no primary called other" in wrong.output
    assert "a-password" not in right.output + wrong.output


@pytest.mark.slow
async def test_live_asks_a_cluster_and_says_where_the_kinds_of_redis_are_mixed_up(
    live: Path, redis_server: RedisServer
) -> None:
    add(live, "redis: {durability: replicated}")
    (port,) = free_ports(1)

    async def asked(url: str) -> Result:
        return await relay_beside("check", "-c", live, "--live", env={"RELAY_REDIS_URL": url})

    async with clustered(password="a-password") as group:
        right = await asked(group.url)
        stranger = await group.another(await group.owner())
        plain = await asked(f"redis://:a-password@127.0.0.1:{stranger.port}/0")
        wrong_password = await asked(group.url.replace("a-password", "another-one"))
    with RedisServer(port=str(port)):
        single = await asked(f"redis+cluster://:a-password@127.0.0.1:{port}")

    assert right.exit_code == 0
    assert "answers; durability is replicated" in right.output
    assert "the Cluster of the nodes at redis.url" in right.output
    assert "redis.url (RELAY_REDIS_URL) is redis+cluster://HOST:6379,HOST:6379" in plain.output
    assert "it wants a password, or another one" in wrong_password.output
    assert f"for one server write redis://127.0.0.1:{port}/0" in single.output
    assert [result.exit_code for result in (plain, wrong_password, single)] == [1, 1, 1]
    assert "a-password" not in right.output + plain.output + wrong_password.output + single.output


@pytest.mark.slow
async def test_live_says_who_refuses_and_asks_the_others_all_the_same(
    live: Path, slack: SlackStandin, redis_server: RedisServer
) -> None:
    add(live, "redis: {durability: fsync}")
    slack.outages["*"] = Fault(error="invalid_auth")

    result = await relay_beside("check", "-c", live, "--live", env={"RELAY_REDIS_URL": redis_server.url})

    assert result.exit_code == 1
    assert f"{live}: redis: durability is fsync, but Redis does not run with appendonly yes" in result.output
    assert f"{live}: channels.slack: " in result.output
    [column] = re.findall(r"^channels.email says +", result.output, re.M)
    [listens] = re.findall(r"^listens +", result.output, re.M)
    assert len(column) == len(listens)
    assert result.output.endswith(f"{live}: 2 problems\n")


def test_it_says_where_operators_ask_and_with_what(config: Path) -> None:
    alone = json.loads(relay("check", "-c", config, "--json").output)["summary"]["listens"]
    env = {"RELAY_ADMIN_HOST": "10.0.0.5", "RELAY_ADMIN_TOKEN": "Yq3x7Wc1Lf9Zk2Rb8Vt5Nh4Dm6Gs0Jp"}
    others = json.loads(relay("check", "-c", config, "--json", env=env).output)["summary"]["listens"]

    assert alone == ["0.0.0.0:8080", "127.0.0.1:8081 for operators"]
    assert others == ["0.0.0.0:8080", "10.0.0.5:8081 for operators who show the token"]


@pytest.mark.slow
async def test_live_says_that_the_private_redis_is_not_running(live: Path, tmp_path: Path) -> None:
    result = await relay_beside("check", "-c", live, "--live", env={"RELAY_DATA_DIR": str(tmp_path / "data")})

    assert result.exit_code == 0, result.output
    assert "the private one is not running; relay serve starts it" in result.output
    assert not (tmp_path / "data").exists()


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
async def test_live_refuses_a_name_under_actions_that_is_no_group(live: Path, redis_server: RedisServer) -> None:
    line = with_buttons(live)

    result = await relay_beside("check", "-c", live, "--live", env={"RELAY_REDIS_URL": redis_server.url})

    assert result.exit_code == 1
    assert (
        f"{live}:{line + 3}: channels.slack.actions.mute[1]: Slack knows nobody by @analyst; expected a user group"
        in (result.output)
    )
    assert result.output.endswith(f"{live}: 1 problem\n")


@pytest.mark.slow
async def test_live_takes_groups_addresses_and_everyone(live: Path, redis_server: RedisServer) -> None:
    with_buttons(live, BUTTONS.replace('"@analyst"', "everyone"))

    result = await relay_beside("check", "-c", live, "--live", "--json", env={"RELAY_REDIS_URL": redis_server.url})

    facts = json.loads(result.output)
    assert facts["problems"] == []
    assert facts["live"]["channels.slack.actions"] == "Slack knows everybody who may press"
    assert "@data-team must be user groups in Slack: --live asks" in facts["summary"]["buttons"]


@pytest.mark.parametrize(("method", "scope"), [("usergroups.list", "usergroups:read"), ("users.info", "users:read")])
@pytest.mark.slow
async def test_live_says_which_scope_the_buttons_lack(
    method: str, scope: str, live: Path, slack: SlackStandin, redis_server: RedisServer
) -> None:
    with_buttons(live)
    slack.outages[method] = Fault(error="missing_scope", extra={"needed": scope})

    result = await relay_beside("check", "-c", live, "--live", env={"RELAY_REDIS_URL": redis_server.url})

    assert (
        f"{live}: channels.slack.actions: Slack answered {method} with missing_scope, needs {scope}: " in result.output
    )


def test_a_name_under_actions_that_can_name_nobody_is_refused_with_its_line(config: Path) -> None:
    line = with_buttons(config, BUTTONS.replace("@analyst", "Jana Müller"))

    result = relay("check", "-c", config)

    assert (
        f"{config}:{line + 1}: channels.slack.actions.mute: Jana Müller names nobody who could press" in result.output
    )


@pytest.mark.slow
async def test_live_asks_the_platform_that_is_configured(live: Path, redis_server: RedisServer) -> None:
    listed = {"operations": [], "summary": {"totalOperations": 1247}}
    answers = {"GET /api/t/p/async/operations": [(200, listed), (401, {"detail": "The token is not known."})]}
    async with scripted_platform(answers) as platform:
        add(live, f"platform:\n  base_url: {platform.url}")
        without = await relay_beside("check", "-c", live, "--live", env={"RELAY_REDIS_URL": redis_server.url})
        add(live, "  tenant: t\n  project: p")
        answered, refused = [
            await relay_beside("check", "-c", live, "--live", env={"RELAY_REDIS_URL": redis_server.url})
            for _ in range(2)
        ]

    assert (without.exit_code, answered.exit_code, refused.exit_code) == (0, 0, 1)
    assert "its address is only where links start" in without.output
    assert "answers; operations: 1247" in answered.output
    assert f"{live}: platform: GET /api/t/p/async/operations: 401" in refused.output
    assert [one.query["pageSize"] for one in platform.asked] == ["1", "1"]


@pytest.mark.slow
async def test_live_says_what_to_type_in_slack_with_the_line_of_the_destination(
    live: Path, slack: SlackStandin, redis_server: RedisServer
) -> None:
    [conversation] = [each for each in slack.workspace.conversations.values() if each.name == "process-mining"]
    conversation.joined = False
    slack.scopes = "chat:write,channels:read,groups:read,users:read,users:read.email"
    line = line_of(live, '    slack: "#process-mining"')

    result = await relay_beside("check", "-c", live, "--live", env={"RELAY_REDIS_URL": redis_server.url})

    problems = [text for text in result.output.splitlines() if text.startswith(f"{live}:")]
    assert problems[0].startswith(f"{live}:{line_of(live, '    token: ')}: channels.slack.token: groups are not called")
    assert "add the scope usergroups:read in Slack under OAuth & Permissions" in problems[0]
    assert problems[1] == (
        f"{live}:{line}: destinations.process-mining.slack: #process-mining: not_in_channel: type /invite @relay in"
        " #process-mining"
    )
    assert problems[2] == f"{live}: 2 problems"
    assert not slack.called("chat.postMessage")


@pytest.mark.slow
async def test_live_says_what_it_could_not_ask(live: Path, slack: SlackStandin, redis_server: RedisServer) -> None:
    slack.scopes = "chat:write,users:read,users:read.email,usergroups:read"

    result = await relay_beside("check", "-c", live, "--live", "--json", env={"RELAY_REDIS_URL": redis_server.url})

    facts = json.loads(result.output)
    assert facts["problems"] == []
    answer = facts["live"]["channels.slack.app"]
    assert answer.startswith("may do what this configuration says; Slack does not say of #process-mining; without the")
    again = "in public conversations a message whose answer was lost is sent again, so it may come twice"
    assert f"; without the scope channels:history {again};" in answer
