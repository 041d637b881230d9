"""Notifiers of failures, relay and Alertmanager, in Slack or by mail, before the same stand-ins."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.speed import peers, requests
from benchmarks.speed.relays import relay
from benchmarks.speed.sending import Sent, at_a_rate, at_once
from benchmarks.speed.standins import Arrivals, Standins

ALERT_SLACK = """\
    slack_configs:
      - {{api_url: "http://127.0.0.1:{port}/services/T0/B0/standin", channel: "#team", send_resolved: false}}
"""
ALERT_MAIL = """\
    email_configs:
      - {{to: people@example.com, from: alerts@example.com, smarthost: "127.0.0.1:{port}", require_tls: false}}
"""


@dataclass(frozen=True, slots=True)
class Notifier:
    """A notifier that gets failures and sends a message of each; `start` takes a role where it is relay."""

    start: Callable[..., AbstractContextManager[Any]]
    path: str
    requests: Callable[[], Iterator[bytes]]
    arrivals: Callable[[Standins], Arrivals]

    @property
    def is_relay(self) -> bool:
        return self.path == requests.PATH


def notifiers() -> dict[str, Notifier]:
    """By name; those that are not installed are left out."""
    settings = {
        "Alertmanager, Slack": Notifier(_alerts_in_slack, requests.ALERTS, _alerts, lambda standins: standins.slack),
        "relay, Slack": Notifier(_relay_in_slack, requests.PATH, _signed, lambda standins: standins.slack),
        "Alertmanager, mail": Notifier(_alerts_by_mail, requests.ALERTS, _alerts, lambda standins: standins.mail),
        "relay, mail": Notifier(_relay_by_mail, requests.PATH, _signed, lambda standins: standins.mail),
    }
    absent = peers.missing()
    return {name: notifier for name, notifier in settings.items() if notifier.is_relay or not absent}


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


PATIENCE = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class Phase:
    """The requests of some failures, and the seconds until their messages."""

    sent: Sent
    waits: list[float]


class Trial:
    """Failures sent to one notifier; `send` returns with the last message, or a minute later."""

    def __init__(self, notifier: Notifier, standins: Standins, url: str) -> None:
        self.arrivals: Arrivals = notifier.arrivals(standins)
        self._standins = standins
        self._address = url + notifier.path
        self._requests: Iterator[bytes] = notifier.requests()
        self._refused = 0
        self.sent = 0  # so far

    def send(self, count: int, rate: float = 0.0, *, wait: bool = True) -> Phase:
        """So many of them, at a rate or as fast as they are taken. Without `wait` messages are not waited for."""
        some = [next(self._requests) for _ in range(count)]
        how = partial(at_a_rate, rate=rate) if rate else at_once
        sent = self._standins.run(how(self._address, some))
        names = [*map(_name, range(self.sent, self.sent + count))]
        self.sent += count
        self._refused += sent.refused
        if wait:
            self.arrivals.wait_for(lambda: len(self.arrivals) >= self.sent, PATIENCE)
        moments = self.arrivals.moments
        return Phase(
            sent, [moments[name][0] - due for due, name in zip(sent.due, names, strict=True) if name in moments]
        )

    def faults(self) -> list[str]:
        """Return what was refused, lost or doubled of all that was sent."""
        refused = [f"{self._refused} not answered 2xx"] if self._refused else []
        return [*refused, *self.arrivals.faults({*map(_name, range(self.sent))})]


def _name(number: int) -> str:
    return f"op-{number:09}"
