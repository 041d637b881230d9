"""relay as a subject: its configuration, its processes, and its ledger afterwards."""

import json
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from benchmarks.speed.peers import Started, answering
from benchmarks.speed.processes import Measured
from benchmarks.speed.requests import SECRET
from tests.support.forked import ROOT
from tests.support.ports import free_ports

OTHERS = {"name": "another tenant's", "events": ["operation.*"], "tenants": ["other"], "notify": ["team"]}
ALL = {"name": "all", "events": ["operation.*"], "notify": ["team"]}
TEAM: Mapping[str, Any] = {"team": {"slack": "#team", "mode": "live"}}
GITHUB = {"github": {"format": "github-actions",
                     "signature": {"scheme": "github", "secrets": {"current": SECRET.decode()}}}}  # fmt: skip
LOOKS = 100  # at the ledger, until two are the same
REFRESHED = 1.5  # seconds, after which `/metrics` shows another one
CHECKOUT: ContextVar[Path] = ContextVar("CHECKOUT", default=ROOT)  # whose relay it is


class Relay(Started):
    """A relay that serves."""

    def __init__(self, process: Measured, url: str, admin_url: str) -> None:
        super().__init__(process, url)
        self._admin_url = admin_url

    def ledger(self) -> Counter[str]:
        """Return where everything accepted is, once two scrapes agree."""
        before: Counter[str] = Counter()
        for _ in range(LOOKS):
            shown = _shown(self._admin_url)
            if shown and shown == before:
                break
            before = shown
            time.sleep(REFRESHED)
        return shown


def configuration(port: int, rules: Sequence[Mapping[str, Any]] = (OTHERS,), **changes: Any) -> dict[str, Any]:
    """Return the default settings, but for addresses and the age of signatures, which were made before the run."""
    signature = {"scheme": "standard-webhooks", "secrets": {"current": SECRET.decode()}, "tolerance": "12h"}
    return {
        "server": {"host": "127.0.0.1", "port": port, "drain": "0s"},
        "sources": {"platform": {"signature": signature}},
        "channels": {"slack": {"token": "xoxb-7Qm2-benchmark", "base_url": "http://127.0.0.1:9/api/"}},
        "destinations": TEAM,
        "rules": [*rules],
        **changes,
    }


def strangers(count: int) -> list[dict[str, Any]]:
    """So many rules, of which none wants the events that are sent."""
    return [
        {"name": f"rule {number}", "events": ["operation.*"], "tenants": [f"customer-{number}"], "notify": ["team"]}
        for number in range(count)
    ]


@contextmanager
def relay(directory: Path, settings: Mapping[str, Any] | None = None, *, role: str = "all") -> Iterator[Relay]:
    """`relay serve` with its private Redis, on disk before each answer; `settings` are changes of `configuration`."""
    [port] = free_ports(1)
    data = directory / "data"
    config = directory / "relay.yaml"
    made = configuration(port, **{"data_dir": str(data), **(settings or {})})
    config.write_text(json.dumps(made))  # which is YAML, too
    checkout = CHECKOUT.get()
    python = checkout / ".venv" / "bin" / "python"
    command = [
        python if python.exists() else sys.executable, "-m", "relay", "serve", "-c", config, "--log-format", "json",
        "--role", role,
    ]  # fmt: skip
    with Measured(command, log=directory / "relay.log", cwd=checkout) as process:
        started = answering(process, f"http://127.0.0.1:{port}", "/readyz")
        yield Relay(process, started.url, f"http://127.0.0.1:{port + 1}")


def _shown(url: str) -> Counter[str]:
    """Return the ledger in `/metrics`."""
    with urlopen(f"{url}/metrics") as answer:  # noqa: S310 - it is on loopback
        rows = re.findall(r'^relay_ledger\{place="([^"]+)"\} (\S+)$', answer.read().decode(), re.MULTILINE)
    return Counter({place: int(float(count)) for place, count in rows})
