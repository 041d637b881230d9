"""Sources with a format: what is wrong is reported with its line, and each has a platform of its own."""

import pytest

from relay.channels import CHANNELS
from relay.config import Config, parse_config
from relay.errors import ConfigError

SECRET = "kFv8Lq2Zr9Tn4Xb7Wd1Y"
TOKEN = f"signature: {{scheme: token, secrets: {{current: {SECRET}}}}}"


def parsed(sources: str, formats: str = "{}", rule: str = "") -> Config:
    text = f"""sources:
  it: {{{sources}}}
formats: {formats}
channels: {{slack: {{token: xoxb-1-2}}}}
destinations: {{team: {{slack: "#team"}}}}
rules: [{{notify: team{rule}}}]
"""
    return parse_config(text, env={}, channels=CHANNELS)


@pytest.mark.parametrize(
    ("sources", "formats", "expected"),
    [
        (f"format: gitlob, {TOKEN}", "{}", "2: sources.it.format: there is no format gitlob; did you mean gitlab?"),
        (f"format: ping, {TOKEN}", "{ping: {ignore: x}}", "3: formats.ping: relay's own, for jobs that ping"),
        (f"format: ping, signature: {{secrets: {{current: {SECRET}}}}}", "{}",
         "2: sources.it.signature.scheme: expected token: no signature covers an address"),
        ("format: ping, signature: {scheme: none, allow_unsigned: true}", "{}", "expected token"),
        (f"format: gitlab, event: operation.failed, {TOKEN}", "{}", "2: sources.it.event: without effect"),
        (f"format: ping, keep_bodies: true, {TOKEN}", "{}", "2: sources.it.keep_bodies: without effect"),
        (f"format: gitlab, catch_up: {{hooks: 'https://api.github.com/orgs/a/hooks/1', token: t}}, {TOKEN}", "{}",
         "2: sources.it.catch_up: only GitHub redelivers; expected format: github-actions"),
        (f"format: mine, {TOKEN}", "{mine: {keep_bodies: no way, run: id}}", "3: formats.mine"),
        (f"format: mine, {TOKEN}", "{mine: [{run: id}]}", "3: formats.mine[0].status: missing"),
        (f"format: mine, {TOKEN}", "{mine: {run: 'a[0]', status: {of: s, Failed: x}}}", "3: formats.mine.run: a[0]"),
        (f"signature: {{scheme: basic, secrets: {{current: {SECRET}}}}}", "{}", "basic needs user and password"),
        ("signature: {scheme: basic, secrets: {current: 'a-user-of-a-long-name:q7x'}}", "{}", "secret is too short"),
        (f"signature: {{algorithm: sha512, secrets: {{current: {SECRET}}}}}", "{}", "algorithm: only with scheme hmac"),
        ("signature: {scheme: oidc, email: a@example.com}", "{}", "oidc needs the audience"),
        ("signature: {scheme: oidc, audience: here}", "{}", "expected email or subject"),
        ("signature: {scheme: oidc, audience: here, subject: a, issuer: 'https://id.example.com'}", "{}",
         "expected keys: the jwks_uri"),
        ("signature: {scheme: oidc, audience: here, subject: a, keys: 'http://id.example.com/keys'}", "{}",
         "2: sources.it.signature.keys: expected https"),
        (f"signature: {{scheme: oidc, audience: here, subject: a, secrets: {{current: {SECRET}}}}}", "{}",
         "oidc has no secrets"),
        ("format: aws-eventbridge, signature: {scheme: sns}", "{}", "sns needs the topics"),
        ("signature: {scheme: sns, topics: runs}", "{}", "signature.topics[0]: expected the ARN of a topic"),
        ("signature: {scheme: sns, topics: 'arn:aws:sns:s3:123456789012:a'}", "{}", "expected the ARN of a topic"),
        (f"format: mine, {TOKEN}", "{mine: {run: $header.X-Api-Key, status: {of: s, else: Failed}}}",
         "3: formats.mine: x-api-key is a secret"),
        (f"format: mine, signature: {{header: X-Sum, secrets: {{current: {SECRET}}}}}",
         "{mine: {run: $header.x-sum, status: {of: s, else: Failed}}}",
         "2: sources.it.format: reads $header.X-Sum, which proves who sends"),
        ("format: gitlab, signature: {scheme: sns, topics: 'arn:aws:sns:eu-west-1:123456789012:a'}", "{}",
         "2: sources.it.format: the documents of SNS are in an envelope"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_reported_with_its_line(sources: str, formats: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parsed(sources, formats)

    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("format_", "told"),
    [("run: id, status: {of: s, Failed: x}", True), ("run: id, status: {of: s, Failed: x}, link: page", False)],
)
def test_who_relied_on_the_platforms_links_for_a_format_is_told(format_: str, told: bool) -> None:
    links = "}\nplatform: {links: {operation: 'https://app.example.com/{operationId}'}}\n#"
    config = parsed(f"format: mine, {TOKEN}", f"{{mine: {{{format_}}}{links}")

    assert [row.path for row in config.warnings if row.path == "formats.mine.link"] == ["formats.mine.link"] * told


def test_a_source_with_a_format_has_a_platform_of_its_own_unless_it_names_one() -> None:
    assert parsed(f"format: gitlab, {TOKEN}").sources["it"].platform == "it"
    assert parsed(f"format: gitlab, platform: ci, {TOKEN}").sources["it"].platform == "ci"
    assert parsed(TOKEN).sources["it"].platform == ""


def test_the_platform_is_asked_about_runs_of_a_source_that_sends_its_documents() -> None:
    config = parse_config(f"""sources:
  cron: {{format: ping, {TOKEN}}}
  api: {{platform: pm, {TOKEN}}}
channels: {{slack: {{token: xoxb-1-2}}}}
destinations: {{team: {{slack: "#team"}}}}
rules: [{{notify: team}}]
""", env={}, channels=CHANNELS)  # fmt: skip

    assert config.platform_source == "api"


@pytest.mark.parametrize(
    ("source", "label", "expected"),
    [
        (f"format: gitlab, {TOKEN}", "branch", []),
        (f"format: gitlab, {TOKEN}", "brnach", ["no format of the rule's sources gives it; did you mean branch?"]),
        (f"format: terraform-cloud, {TOKEN}", "branch", ["no format of the rule's sources gives it; there are none"]),
        (f"format: ping, {TOKEN}", "branch", ["no format of the rule's sources gives it; there are none"]),
        (TOKEN, "anything", []),  # relay's own documents may carry it
    ],
)
def test_a_label_that_no_format_gives_is_known(source: str, label: str, expected: list[str]) -> None:
    warnings = parsed(source, rule=f", where: {{{label}: main}}").warnings

    assert [row.message for row in warnings if row.path == f"rules[0].where.{label}"] == expected
