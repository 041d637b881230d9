"""What a foreign document may lead to and whom it may call: hosts and people of the configuration."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from relay.channels import CHANNELS
from relay.config import Config, parse_config
from relay.errors import ConfigError
from relay.policy.targets import Targets
from relay.receiving.reading import first, readers
from tests.support.foreign import pipeline, workflow_run

SECRET = "secrets: {current: kFv8Lq2Zr9Tn4Xb7Wd1Y}"
SIGNED, TOKEN = f"{{{SECRET}}}", f"{{scheme: token, {SECRET}}}"
PEOPLE = "{Jon: {slack: U0JON4711, email: jon@example.com}, mara: {email: mara@example.com}}"
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def parsed(source: str, *, people: str = PEOPLE, destination: str = "{email: owner}", more: str = "") -> Config:
    text = f"""sources: {{it: {{{source}}}}}
people: {people}
channels: {{slack: {{token: xoxb-1-2}}, email: {{host: localhost, from: relay@example.com}}}}
destinations: {{owners: {destination}}}
rules: [{{notify: owners}}]
{more}"""
    return parse_config(text, env={}, channels=CHANNELS)


def read(config: Config, document: Any) -> Any:
    return first(readers(config.sources)["it"].events(json.dumps(document).encode(), received_at=NOW))


@pytest.mark.parametrize(
    ("source", "login", "contact", "mails"),
    [
        (f"signature: {SIGNED}", "JON", {"slackId": "U0JON4711"}, ["jon@example.com"]),
        (f"signature: {SIGNED}", "mara", {"email": "mara@example.com"}, ["mara@example.com"]),
        (f"signature: {SIGNED}", "somebody", {}, []),
        (f"signature: {SIGNED}, may_name_recipients: false", "jon", {}, []),
        (f"signature: {TOKEN}, may_name_recipients: true", "jon", {}, []),  # nobody signed who the owner is
    ],
)
def test_the_owner_is_called_by_a_signed_source_that_may(
    source: str, login: str, contact: dict[str, str], mails: list[str]
) -> None:
    config = parsed(f"format: github-actions, {source}")
    event = read(config, workflow_run("completed", "failure", triggering_actor={"login": login}))

    assert event.operation.document["owner"] == {"name": login} | contact
    assert [target.address for target in Targets(config, CHANNELS).of(event)] == mails


GITLAB, GITHUB, OWN = (f"format: {name}, signature: {SIGNED}" for name in ("gitlab", "github-actions", "own"))
OF_OWN = (
    "formats: {own: {run: object_attributes.id, status: {of: object_attributes.status, Running: running}, link: %s}}"
)


@pytest.mark.parametrize(
    ("source", "url", "more", "leads"),
    [
        (GITLAB, "https://gitlab.com/a/b/-/pipelines/31", "", True),
        (GITLAB, "http://gitlab.com/a/b/-/pipelines/31", "", False),
        (GITLAB, "https://gitlab.com.evil.test/31", "", False),
        (GITLAB, "https://gitlab.example.com/31", "", False),
        (f"{GITLAB}, link_hosts: example.com", "https://gitlab.example.com/31", "", True),
        (f"{GITLAB}, link_hosts: example.com", "http://gitlab.example.com/31", "", True),
        (f"{GITLAB}, link_hosts: [example.com]", "https://login.evil.test/31", "", False),
        (GITLAB, "https://gitlab.example.com/31", "platform: {link_hosts: gitlab.example.com}", True),
        (GITLAB, "http://gitlab.example.com/31", "platform: {link_hosts: gitlab.example.com}", False),
        (GITLAB, "https://anywhere.test/31", "platform: {link_hosts: '*'}", True),
        (GITLAB, "https://[::1/31", "", False),
        (OWN, "https://runs.example.com/31", OF_OWN % "object_attributes.url", False),
        (OWN, "x", OF_OWN % "'https://runs.example.com/{object_attributes.id}'", True),
    ],
)
def test_links_lead_to_hosts_that_the_preset_or_the_source_names(source: str, url: str, more: str, leads: bool) -> None:
    config = parsed(source, more=more)
    link = read(config, pipeline("running", [], url=url)).operation.document.get("trackingUrl")

    assert (link is not None) == leads
    assert link is None or config.link_hosts.allows(link.split("/")[2])


def test_hosts_of_a_source_widen_those_of_the_platform_and_narrow_nothing() -> None:
    of_platform = parsed(GITHUB, more="platform: {link_hosts: app.example.com}").link_hosts
    beside_others = parsed(f"signature: {SIGNED}", more="").link_hosts

    assert of_platform.names == ("app.example.com", "github.com")
    assert beside_others.allows("anywhere.test")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"people": "{jon: {}}"}, "2: people.jon: expected slack, email or both"),
        ({"people": "{jon: {slack: '@jon'}}"}, "2: people.jon.slack: expected a Slack member's id"),
        ({"people": "{jon: {email: jon}}"}, "2: people.jon.email: expected an e-mail address"),
        ({"people": "{jon: {slack: U0JON4711}}"}, "4: destinations.owners: owner is nobody"),
        ({"destination": "{email: owner, mode: digest}"}, "destinations.owners.mode: owners get mails of their own"),
        ({"destination": "{slack: owner}"}, "expected one conversation"),
    ],
)
def test_what_reaches_nobody_is_refused(options: dict[str, str], expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parsed(GITHUB, **options)

    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("source", "path"),
    [
        (f"format: jenkins, signature: {SIGNED}", "sources.it.link_hosts"),
        (f"format: gitlab, signature: {TOKEN}", "people"),
    ],
)
def test_what_is_without_effect_is_a_warning(source: str, path: str) -> None:
    assert path in [warning.path for warning in parsed(source).warnings]
