"""Who tells people of failures: relay and Alertmanager, in Slack or by mail, to the same stand-ins."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.speed import peers, requests
from benchmarks.speed.relays import relay
from benchmarks.speed.standins import Heard, Standins

ALERT_SLACK = """\
    slack_configs:
      - {{api_url: "http://127.0.0.1:{port}/services/T0/B0/standin", channel: "#team", send_resolved: false}}
"""
ALERT_MAIL = """\
    email_configs:
      - {{to: people@example.com, from: alerts@example.com, smarthost: "127.0.0.1:{port}", require_tls: false}}
"""


@dataclass(frozen=True, slots=True)
class Teller:
    """One that is sent failures and tells of each; `start` takes a role where it is relay."""

    start: Callable[..., AbstractContextManager[Any]]
    path: str
    requests: Callable[[], Iterator[bytes]]
    heard: Callable[[Standins], Heard]

    @property
    def is_relay(self) -> bool:
        return self.path == requests.PATH


def tellers() -> dict[str, Teller]:
    """By name; those that are not installed are left out."""
    made = {
        "Alertmanager, Slack": Teller(_alerts_in_slack, requests.ALERTS, _alerts, lambda standins: standins.slack),
        "relay, Slack": Teller(_relay_in_slack, requests.PATH, _signed, lambda standins: standins.slack),
        "Alertmanager, mail": Teller(_alerts_by_mail, requests.ALERTS, _alerts, lambda standins: standins.mail),
        "relay, mail": Teller(_relay_by_mail, requests.PATH, _signed, lambda standins: standins.mail),
    }
    absent = peers.missing()
    return {name: teller for name, teller in made.items() if teller.is_relay or not absent}


def slack_settings(port: int) -> Mapping[str, Any]:
    """Return a configuration whose only limit is its own speed."""
    channel = {"token": "xoxb-7Qm2-benchmark", "base_url": f"http://127.0.0.1:{port}/api/", "new_message_limit": "off"}
    return {
        "channels": {"slack": {**channel, "posts_per_second": 10_000}},
        "destinations": {"team": {"slack": "#team", "mode": "each"}},
        "rules": [{"name": "failures", "events": ["operation.failed"], "notify": ["team"]}],
    }


def mail_settings(port: int) -> Mapping[str, Any]:
    return {
        "channels": {"email": {"host": "127.0.0.1", "port": port, "tls": "none", "from": "relay@example.com"}},
        "destinations": {"people": {"email": "people@example.com"}},
        "rules": [{"name": "failures", "events": ["operation.failed"], "notify": ["people"]}],
    }


def _relay_in_slack(directory: Path, standins: Standins, **options: Any) -> AbstractContextManager[Any]:
    return relay(directory, slack_settings(standins.slack_port), **options)


def _relay_by_mail(directory: Path, standins: Standins, **options: Any) -> AbstractContextManager[Any]:
    return relay(directory, mail_settings(standins.smtp_port), **options)


def _alerts_in_slack(directory: Path, standins: Standins) -> AbstractContextManager[Any]:
    return peers.alertmanager(directory, ALERT_SLACK.format(port=standins.slack_port), "0s")


def _alerts_by_mail(directory: Path, standins: Standins) -> AbstractContextManager[Any]:
    return peers.alertmanager(directory, ALERT_MAIL.format(port=standins.smtp_port), "0s")


def _alerts() -> Iterator[bytes]:
    return (requests.alert(*pair) for pair in requests.failures())


def _signed() -> Iterator[bytes]:
    return (requests.signed(*pair) for pair in requests.failures())
