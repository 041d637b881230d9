"""Tests of mistakes, and the sentence that gets people out: one for each mistake, on the real channels."""

import pytest

from relay.channels import CHANNELS
from relay.config import Config, parse_config
from relay.errors import ConfigError

GOOD = """\
timezone: Europe/Berlin
retry: {max_retries: 5}
sources:
  ops: {signature: {secrets: {current: kFv8-the-secret-of-the-platform}}}
channels:
  slack: {token: xoxb-2048-abcdef}
  email: {host: localhost, port: 25, tls: none, from: relay@example.com}
destinations:
  team: {slack: "#team", mode: live}
  people: {email: people@example.com}
rules:
  - name: all
    events: [operation.failed]
    notify: [team, people]
"""
RETRY = "retry: {max_retries: 5}"
EMAIL = "{email: people@example.com}"
TOKEN = "xoxb-2048-abcdef"
SECRETS = "{current: kFv8-the-secret-of-the-platform}"
DURATION = "expected a duration such as 90s, 5m or 1h30m"

MISTAKES = [
    # links
    ("timezone: Europe/Berlin", 'platform: {links: {operation: "https://app.example.com/{operationid}"}}',
     "1: platform.links.operation: unknown placeholder {operationid}; did you mean operationId?"),
    ("timezone: Europe/Berlin", 'platform: {links: {runbook: "https://wiki.example.com/{}"}}',
     "1: platform.links.runbook: unknown placeholder {}; expected one of tenantId, projectId, operationId, batchId, "
     "type, name, status, phase, errorCode"),
    ("timezone: Europe/Berlin", 'platform: {links: {batch: "https://app.example.com/{batchId"}}',
     "1: platform.links.batch: expected placeholders in braces, such as {operationId}; there is one brace alone"),
    ("timezone: Europe/Berlin", 'platform: {links: {results: "ftp://app.example.com/"}}',
     "1: platform.links.results: expected an address such as "
     "https://app.example.com/{tenantId}/{projectId}/runs/{operationId}"),
    ("timezone: Europe/Berlin", 'platform: {links: {runs: "https://{tenantId}.com/runs"}}',
     "1: platform.links.runs: expected an address such as "
     "https://app.example.com/{tenantId}/{projectId}/runs/{operationId}"),
    ("timezone: Europe/Berlin", 'platform: {links: {run: "https://app.example.com/"}}',
     "1: platform.links.run: unknown key; did you mean runs?"),
    # at the top
    ("timezone: Europe/Berlin", "server: {max_body_memory: 4MiB}",
     "1: server.max_body_memory: removed; requests get a sixteenth of the memory that relay has, 32 MiB at most"),
    ("timezone: Europe/Berlin", "server: {max_connections: 4000}",
     "1: server.max_connections: removed; of more than 800 connections the longest idle one is closed, and a reverse "
     "proxy limits those of one address"),
    ("timezone: Europe/Berlin", "redis: {encryption_key: {current: 9f4b2c7de8a1503f6b9c2d7e4f8a1b3c5d6e7f8091a2b3c4}}",
     "1: redis.encryption_key: removed; relay encrypts nothing in Redis: use an encrypted disk, TLS and an ACL, or a "
     "managed Redis"),
    ("timezone: Europe/Berlin", "server: {trusted_proxies: [nginx]}",
     "1: server.trusted_proxies[0]: expected an address or a network such as 10.0.0.0/8 or fd00::/8"),
    ("timezone: Europe/Berlin", "server: {trusted_proxies: 10.1.2.3/8}",
     "1: server.trusted_proxies[0]: expected an address or a network such as 10.0.0.0/8 or fd00::/8"),
    ("timezone: Europe/Berlin", "server: {trusted_proxies: [\"::/0\"]}",
     "1: server.trusted_proxies[0]: means everybody, so anyone could say who they are; name the proxies alone"),
    ("timezone: Europe/Berlin", "server: {public_url: relay.example.com}",
     "1: server.public_url: expected an address such as https://relay.example.com"),
    ("timezone: Europe/Berlin", "redis: {url: \"localhost:6379\"}",
     "1: redis.url: expected redis://, rediss:// or unix://, or the Sentinels and the name of their primary, "
     "redis+sentinel://[USER:PASSWORD@]HOST:26379,HOST:26379/NAME, or some nodes of a Cluster, "
     "redis+cluster://[USER:PASSWORD@]HOST:6379,HOST:6379, or nothing for a private Redis; in a password, / and ? "
     "are %2F and %3F"),
    ("timezone: Europe/Berlin", "watchdog: {expect: [{job: Sales, cron: '0 2 * * *', by: '07:30'}]}",
     '1: watchdog.expect[0].by: removed; use cron, as in "30 7 * * mon-fri"'),
    ("timezone: Europe/Berlin", "watchdog: {expect: [{job: Sales, cron: '30 7 * * *', notify: [people, teem]}]}",
     "1: watchdog.expect[0].notify[1]: unknown destination 'teem'; did you mean team?"),
    ("timezone: Europe/Berlin", "watchdog: {expect: [{job: Sales, cron: '0 2 * *'}]}",
     "1: watchdog.expect[0].cron: expected a cron expression that some time fits: minute, hour, day, month and "
     'weekday, as in "0 2 * * mon-fri"'),
    ("mode: live", "pace: calm",
     "9: destinations.team.pace: removed; use live, such as {post_after: 5m, min_step: 20, min_interval: 1m}"),
    ("timezone: Europe/Berlin", "job: '{operationType} {a b}'",
     "1: job: expected text with fields of the operation, for instance {operationType} {parameters.dataset}"),
    *(("timezone: Europe/Berlin", f'brand: {{url: "https://acme.example{rest}"}}',
       "1: brand.url: expected an address such as https://www.example.com/logo.png")
      for rest in (":99999", ":0", "/\\u202egnp.exe", "/a b")),
    ("timezone: Europe/Berlin", "brand: {logo: \"https://acme.example/l.png\"}",
     "1: brand: a logo needs the `name` beside it: it is read where pictures are not shown"),
    ("timezone: Europe/Berlin", "brand: {color: blue}",
     "1: brand.color: expected a colour such as #0B5CAD, in quotes: # begins a comment"),
    ("timezone: Europe/Berlin", "brand: {color: \"#FFEE00\"}",
     "1: brand.color: a button of #FFEE00 is hardly seen on white; expected a darker one, for instance #998F00"),
    ("timezone: Europe/Berlin", 'brand: {footer: "a\\nb"}', "1: brand.footer: expected text of one line"),
    ("timezone: Europe/Berlin", "quiet_hours: 22-6",
     '1: quiet_hours: expected {from: "22:00", to: "07:00"}, or off'),
    ("timezone: Europe/Berlin", "retention: 30", "1: retention: expected a unit: 30d?"),
    ("\nsources:", "\nsorces:", "3: sorces: unknown key; did you mean sources?"),
    (RETRY, "retry: {retry_delay: 2 days}", "2: retry.retry_delay: expected at most 1d"),
    (RETRY, "retry: {retry_delay: 0}", "2: retry.retry_delay: expected more than 0"),
    # sources
    (SECRETS, "kFv8-the-secret-of-the-platform",
     "4: sources.ops.signature.secrets: expected a name for each secret, such as {current: ...}"),
    ("{signature: {", "{rate_limit: 100 per second, signature: {",
     "4: sources.ops.rate_limit: expected a rate such as 100/s, 600/min or 5000/h"),
    # channels
    (TOKEN, "xoxp-1-2", "6: channels.slack.token: expected the app's bot token, xoxb-…, and not a user token: messages "
                        "would come from that person"),
    (TOKEN, "xapp-1-2", "6: channels.slack.token: expected the app's bot token, xoxb-…, and not an app-level token"),
    (TOKEN, "https://hooks.slack.com/services/T0/B0/x",
     "6: channels.slack.token: expected the app's bot token, xoxb-…; an incoming webhook goes under webhooks"),
    (f"token: {TOKEN}", f"token: {TOKEN}, new_roots: 20",
     "6: channels.slack.new_roots: is called new_message_limit"),
    ("host: localhost", "host: smtp://localhost",
     "7: channels.email.host: expected the mail server's name, such as smtp.example.com"),
    ("tls: none", "tls: none, username: me", "7: channels.email: expected username and password, or neither"),
    # destinations
    ('"#team"', "team", '9: destinations.team.slack: expected one conversation: its name such as "#operations" or its '
                        'id such as "C0123ABCD"; did you mean "#team"?'),
    ('{slack: "#team", mode: live}', "\n    slack: #team",
     '10: destinations.team.slack: expected one conversation: its name such as "#operations" or its id such as '
     '"C0123ABCD"; put it in quotes, for without them a # begins a comment'),
    ("mode: live", 'mode: live, mention: ["@analyst"]',
     '9: destinations.team.mention: expected whom to call when, such as {failed: ["@analyst"]}'),
    (EMAIL, '{email: people@example.com, mention: {failed: ["@analyst"]}}',
     "10: destinations.people.mention: email calls nobody; its readers are the addresses alone, so leave it out"),
    (EMAIL, "{email: people@example.com, mode: live}", "10: destinations.people.mode: expected each or digest"),
    (EMAIL, "{sms: people@example.com}",
     "10: destinations.people: expected slack or email or webhook or apprise with an address"),
    ('"#team", mode: live', "#team, mode: live",
     "10: not YAML: while parsing a flow mapping; expected ',' or '}', but got ':'; put what begins with # in quotes, "
     'such as "#team": else it is a comment'),
    # words of other programs
    ("events: [operation.failed]", "match: {a: b}", "13: rules[0].match: unknown key; did you mean where?"),
    ("events: [operation.failed]", "matchers: [a=b]", "13: rules[0].matchers: unknown key; did you mean where?"),
    ("events: [operation.failed]", "severity: [High]", "13: rules[0].severity: unknown key; did you mean priorities?"),
    ("notify: [team", "receiver: [team", "14: rules[0].receiver: unknown key; did you mean notify?"),
    ("notify: [team", "to: [team", "14: rules[0].to: unknown key; did you mean notify?"),
    (EMAIL, "{to: people@example.com}", "10: destinations.people.to: unknown key; did you mean email?"),
    ("timezone: Europe/Berlin", "teams: {a: b}", "1: teams: unknown key; did you mean destinations?"),
    ("{signature", "{format: cron, signature", "4: sources.ops.format: there is no format cron; did you mean ping?"),
    ("{signature", "{format: github, signature",
     "4: sources.ops.format: there is no format github; did you mean github-actions?"),
    ("timezone: Europe/Berlin", "watchdog: {expect: [{job: Sales, cron: '@daily'}]}",
     '1: watchdog.expect[0].cron: expected five fields; @daily is "0 0 * * *"'),
    (TOKEN, "$SLACK_TOKEN", "6: channels.slack.token: expected ${SLACK_TOKEN}, as variables are written here"),
    (TOKEN, "'{{ SLACK_TOKEN }}'", "6: channels.slack.token: expected ${SLACK_TOKEN}, as variables are written here"),
    # rules
    ("events: [operation.failed]", "min_interval: often", f"13: rules[0].min_interval: {DURATION}"),
]  # fmt: skip


def read(text: str, **env: str) -> Config:
    return parse_config(text, file="relay.yaml", env=env, channels=CHANNELS)


def complaints(text: str, **env: str) -> list[str]:
    with pytest.raises(ConfigError) as refusal:
        read(text, **env)
    return str(refusal.value).split("\n")


@pytest.mark.parametrize(("old", "new", "sentence"), MISTAKES, ids=[new for _, new, _ in MISTAKES])
def test_a_mistake_gets_one_sentence_that_helps(old: str, new: str, sentence: str) -> None:
    assert old in GOOD

    assert complaints(GOOD.replace(old, new, 1)) == [f"relay.yaml:{sentence}"]


def test_a_channel_that_is_missing_is_told_once_however_many_destinations_use_it() -> None:
    text = GOOD.replace(f"  slack: {{token: {TOKEN}}}\n", "").replace(
        "  team: {", '  room: {slack: "#room"}\n  team: {'
    )

    assert complaints(text) == ["relay.yaml:8: destinations.room.slack: needs channels.slack, which is missing"]


def test_an_event_without_what_it_is_about_is_warned_of_with_its_name() -> None:
    (warning,) = [row for row in read(GOOD.replace("[operation.failed]", "[failed]")).warnings if "events" in row.path]

    assert warning.message == "not an event that relay knows; did you mean operation.failed?"
