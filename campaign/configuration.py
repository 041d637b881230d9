"""The relay that is attacked: every scheme, both channels, buttons, and a canary for every secret.

Its secrets come by all three ways: some are in the file, some in the environment, some in files of their own.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from campaign import public_keys
from campaign.canaries import Canaries

TENANT, HOSTILE_TENANT = "tenant-1", "hostile"  # without messages, and with all
LINK_HOST = "mining.example.com"
BASE_URL = f"https://{LINK_HOST}"
PUBLIC_URL = "https://relay.example.com"
AUTH_PROXY, USER_HEADER = "127.0.20.1", "X-Forwarded-User"  # whose users the console believes
CONSOLE_URL = "http://relay.internal:8081"
OPERATOR, VIEWER, PROGRAM = "jana", "viktor", "wallboard"  # of the console
TOLERANCE = "1h"  # a signature is made once and sent for the whole of a part


@dataclass(frozen=True)
class SourceFacts:
    """Record of how a sender of this source proves itself."""

    scheme: str
    secret: str
    header: str | None = None
    event: str = ""


@dataclass
class Surroundings:
    """Record of where the other sides of this relay are."""

    slack_url: str
    smtp_port: int
    platform_url: str
    redis_url: str


@dataclass
class Configuration:
    """`text` is the file's, `env` what it needs; `sources` are those that send to it."""

    text: str
    env: Mapping[str, str]
    sources: Mapping[str, SourceFacts]
    slack_secret: str
    admin_token: str
    api_token: str = ""
    platform_url: str = ""


def configuration(directory: Path, around: Surroundings, canaries: Canaries) -> Configuration:
    """Written to `directory`, as relay.yaml."""
    sources = {
        "hmac": SourceFacts("hmac-sha256", canaries.make("sources.hmac")),
        "named": SourceFacts("hmac-sha256", canaries.make("sources.named"), "X-Acme-Signature"),
        "standard": SourceFacts("standard-webhooks", canaries.make("sources.standard", "whsec_{base64}")),
        "github": SourceFacts("github", canaries.make("sources.github")),
        "stripe": SourceFacts("stripe", canaries.make("sources.stripe")),
        "slack": SourceFacts("slack", canaries.make("sources.slack")),
        "general": SourceFacts("hmac", canaries.make("sources.general"), "X-General-Signature"),
        "basic": SourceFacts("basic", canaries.make("sources.basic", "relay:{}"), event="operation.progress"),
        "progress": SourceFacts("token", canaries.make("sources.progress"), event="operation.progress"),
        "keyed": SourceFacts("token", canaries.make("sources.keyed"), "X-Api-Key", "operation.progress"),
    }
    issued = SourceFacts("oidc", "", event="operation.progress")
    env = {
        "CAMPAIGN_SLACK_TOKEN": canaries.make("channels.slack.token", "xoxb-{}"),
        "CAMPAIGN_KEY": canaries.make("redis.encryption_key"),
        "CAMPAIGN_REDIS": around.redis_url,
        "CAMPAIGN_PLATFORM_TOKEN": canaries.make("platform.token"),
        "CAMPAIGN_HMAC": sources["hmac"].secret,
        "RELAY_DATA_DIR": str(directory / "data"),
    }
    (directory / "smtp-password").write_text(canaries.make("channels.email.password"))
    slack_secret, admin_token = canaries.make("channels.slack.signing_secret"), canaries.make("server.admin.token")
    api_token = canaries.make("console.tokens")
    document = {
        "server": {"host": "127.0.0.1", "port": 0, "public_url": PUBLIC_URL, "drain": "0s",
                   "trusted_proxies": [AUTH_PROXY],
                   "admin": {"token": admin_token}},
        "redis": {"url": "${CAMPAIGN_REDIS}", "encryption_key": "${CAMPAIGN_KEY}"},
        "retry": {"max_retries": 0, "retry_delay": 1},
        "sources": {name: _source(facts) for name, facts in sources.items()}
                   | public_keys.sources(f"{around.platform_url}/keys"),
        "platform": {
            "base_url": around.platform_url, "tenant": TENANT, "project": "project-1",
            "token": "${CAMPAIGN_PLATFORM_TOKEN}", "link_hosts": [LINK_HOST],
            "links": {"operation": f"{BASE_URL}/runs/{{operationId}}", "batch": f"{BASE_URL}/batches/{{batchId}}"},
        },
        "channels": {
            "slack": {
                "token": "${CAMPAIGN_SLACK_TOKEN}", "base_url": around.slack_url, "interactivity": "http",
                "signing_secret": slack_secret, "app_token": canaries.make("channels.slack.app_token", "xapp-{}"),
                "actions": {"retry": ["everyone"], "cancel": ["@data-team"]},
                "posts_per_second": 1000, "edits_per_minute": 1000, "new_message_limit": "off",
            },
            "email": {
                "host": "127.0.0.1", "port": around.smtp_port, "tls": "none", "username": "relay",
                "password": f"file:{directory}/smtp-password", "from": "Operations <relay@example.com>",
            },
        },
        "destinations": {
            "team": {"slack": "#team", "mode": "live", "group_errors": "off",
                     "live": {"post_after": "0s", "min_step": 0, "min_interval": "0s"}},
            "room": {"slack": "#room", "mode": "each", "group_errors": "off"},
            "english": {"email": ["english@example.com", "gone@example.com"], "group_errors": "off"},
            "german": {"email": "german@example.com", "language": "de", "group_errors": "off"},
            "daily": {"email": "daily@example.com", "mode": "digest", "at": "08:30"},
        },
        "watchdog": "off",
        "console": {
            "url": CONSOLE_URL,
            "trusted_header": {"user": USER_HEADER, "operators": [OPERATOR]},
            "tokens": {PROGRAM: {"token": api_token, "role": "viewer"}},
        },
        "rules": [
            {"name": "everything hostile", "tenants": [HOSTILE_TENANT], "events": ["operation.*", "batch.*"],
             "notify": ["team", "room", "english", "german", "daily"]},
        ],
    }  # fmt: skip
    text = json.dumps(document, indent=1)  # which is YAML, too
    (directory / "relay.yaml").write_text(text)
    return Configuration(
        text, env, sources | {public_keys.ISSUED: issued}, slack_secret, admin_token, api_token, around.platform_url
    )


def _source(facts: SourceFacts) -> dict[str, Any]:
    secret = "${CAMPAIGN_HMAC}" if facts.scheme == "hmac-sha256" and not facts.header else facts.secret
    signature: dict[str, Any] = {"scheme": facts.scheme, "secrets": {"current": secret}, "tolerance": TOLERANCE}
    return {"event": facts.event, "signature": signature | ({"header": facts.header} if facts.header else {})}
