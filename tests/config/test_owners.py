"""Owners of jobs by the configuration: who is mentioned, who gets mails, and who may press buttons."""

from datetime import UTC, datetime
from typing import Any

import pytest

from relay.channels import CHANNELS
from relay.cli.setup import demands_of, slack_settings
from relay.config import Config, parse_config
from relay.domain.deliveries import Delivery
from relay.domain.events import Event
from relay.domain.parsing import parse
from relay.errors import ConfigError
from relay.interactivity.buttons import PURPOSE, Button, buttons_for, may_press
from relay.policy.presentation import mentions_for
from relay.policy.targets import Targets
from tests.support.stage import SIGNING

SIGNATURE = "signature: {secrets: {current: kFv8Lq2Zr9Tn4Xb7Wd1Y}}"
NOW = datetime(2026, 11, 22, tzinfo=UTC)
OWNERS = """
  - {jobs: "Nightly *", people: [Anna, lead@example.com]}
  - {jobs: ["* import", "* export"], operation_types: DataEnrichment, people: "@data-team"}
  - {operation_types: DataEnrichment, people: S0GROUP001}
"""


def parsed(owners: str = OWNERS, *, actions: str = "{retry: [owner, U0LEAD0001]}", more: str = "") -> Config:
    text = f"""sources: {{it: {{{SIGNATURE}}}}}
people: {{anna: {{slack: U0ANNA0001, email: anna@example.com}}, bea: {{email: bea@example.com}}}}
owners: {owners}
platform: {{base_url: http://platform.test, tenant: t, project: p, token: k}}
channels:
  slack: {{token: xoxb-1-2, interactivity: http, signing_secret: the-signing-secret-of-it, actions: {actions}}}
  email: {{host: localhost, from: relay@example.com}}
destinations: {{owners: {{email: owner}}, team: {{slack: "#team"}}}}
rules: [{{notify: [owners, team]}}]
{more}"""
    return parse_config(text, env={}, channels=CHANNELS)


def failed(name: str, type_: str = "", **more: Any) -> Event:
    operation = {"operationId": "op-1", "operationName": name, "operationType": type_ or None, "priority": "High"}
    body = {"event": "operation.failed", "tenantId": "t", "projectId": "p", "operation": operation | more}
    return parse(body, source="it", received_at=NOW)


@pytest.mark.parametrize(
    ("name", "type_", "mentioned", "mailed"),
    [
        (
            "nightly Import",
            "DataEnrichment",
            ("U0ANNA0001", "lead@example.com"),
            ["anna@example.com", "lead@example.com"],
        ),
        ("Sales import", "dataenrichment", ("@data-team",), []),
        ("Sales import", "Other", ("U0STATED01",), ["bea@example.com"]),  # none of them: whom the event states
        ("Sales", "DataEnrichment", ("S0GROUP001",), []),
    ],
)
def test_the_first_owners_whose_job_it_is_are_mentioned_and_get_its_mails(
    name: str, type_: str, mentioned: tuple[str, ...], mailed: list[str]
) -> None:
    event = failed(name, type_, owner={"name": "bea", "slackId": "U0STATED01"})
    targets = Targets(parsed(), CHANNELS).of(event)

    [team] = [target for target in targets if target.destination == "team"]
    assert team.options
    assert mentions_for(event, [], {}, (), team.options.owners) == mentioned
    assert [target.address for target in targets if target.destination == "owners"] == mailed


def test_targets_of_the_same_owners_share_their_options() -> None:
    """What deliveries carry is made once for each of these objects."""
    made = Targets(parsed(), CHANNELS)
    first, second = (made.of(failed("Nightly run"))[-1].options for _ in range(2))

    assert first is second


def pressers(config: Config, event: Event, later: Config | None = None) -> tuple[str, ...]:
    delivery = Delivery("d", "", "team", "slack", "#team", "live", event, (event,), {}, 1, NOW)
    [value] = [its["value"] for its in buttons_for(delivery, config, SIGNING) if its["action"] == "retry"]
    return may_press(Button.of(SIGNING.redeem(PURPOSE, value)), later or config)


def test_owners_may_press_the_buttons_of_their_jobs_and_whoever_an_event_states_may_not() -> None:
    config = parsed()

    assert pressers(config, failed("Nightly import")) == ("U0ANNA0001", "lead@example.com", "U0LEAD0001")
    assert pressers(config, failed("Other", owner={"name": "anna", "slackId": "U0ANNA0001"})) == ("U0LEAD0001",)


def test_whoever_owns_a_job_no_more_may_press_none_of_its_buttons() -> None:
    event, later = failed("Nightly import"), OWNERS.replace("[Anna, lead@example.com]", "bea")

    assert pressers(parsed(), event, parsed(later)) == ("bea@example.com", "U0LEAD0001")
    assert pressers(parsed(), event, parsed("[{jobs: Other, people: anna}]")) == ("U0LEAD0001",)


def test_slack_is_asked_for_the_owners() -> None:
    config = parsed()
    settings = slack_settings(config)
    assert settings
    demands = demands_of(config, settings)

    assert demands.names == {"U0ANNA0001", "lead@example.com", "@data-team", "S0GROUP001"}
    assert demands.pressers == demands.names | {"U0LEAD0001", "everyone"}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"owners": "[{people: [anna, ana]}]"}, "owners[0].people[1]: unknown login 'ana'; did you mean anna?"),
        ({"owners": "[{people: somebody}]"}, "3: owners[0].people: unknown login 'somebody'; expected one of people"),
        ({"owners": "[{people: '@here'}]"}, "unknown login '@here'"),
        ({"owners": "[{people: []}]"}, "owners[0].people"),
        ({"owners": "[{job: x, people: anna}]"}, "owners[0].job: unknown key; did you mean jobs?"),
        ({"owners": "[]"}, "channels.slack.actions.retry: owner is nobody: expected owners"),
    ],
)
def test_what_names_nobody_is_refused(options: dict[str, str], expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parsed(**options)

    assert expected in str(caught.value)


def test_an_escalation_leads_to_a_destination_that_is_told_at_once() -> None:
    lines = 'digest: {email: [a@example.com], mode: digest}, lead: {slack: {to: "#lead"}, email: [b@example.com]}'
    steps = "[{after: 15m, to: lead}, {after: 1h, to: leads}, {after: 2h, to: digest}]"
    options = f'destinations: {{team: {{slack: "#team", escalate: {steps}}}, {lines}}}'
    text = f"""sources: {{it: {{{SIGNATURE}}}}}
channels: {{slack: {{token: xoxb-1-2}}, email: {{host: localhost, from: relay@example.com}}}}
{options}
rules: [{{notify: [team, digest]}}]"""
    with pytest.raises(ConfigError) as caught:
        parse_config(text, env={}, channels=CHANNELS)

    assert [(problem.line, problem.path, problem.message) for problem in caught.value.problems] == [
        (3, "destinations.team.escalate[1].to", "unknown destination 'leads'; did you mean lead?"),
        (3, "destinations.team.escalate[2].to", "digest is a digest; expected a destination that is told at once"),
    ]
    for person, expected in (
        ("@anna", "expected the name of a destination, not a login"),
        ("anna@example.com", "expected the name of a destination, not a login"),
        ("owner", "unknown destination 'owner'; expected lead or lead.email"),
    ):
        with pytest.raises(ConfigError, match=rf"3: destinations.team.escalate\[1\].to: {expected}"):
            parse_config(text.replace("leads", f'"{person}"'), env={}, channels=CHANNELS)
    config = parse_config(
        text.replace(", {after: 1h, to: leads}, {after: 2h, to: digest}", ""), env={}, channels=CHANNELS
    )
    assert "no rule notifies it" not in str(config.warnings)
