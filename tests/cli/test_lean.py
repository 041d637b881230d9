"""relay serve starts soon and stays small: what it can do without is not imported."""

import subprocess
import sys

import pytest

from tests.support.patience import patience

pytestmark = pytest.mark.slow


def imported(*modules: str) -> set[str]:
    """What a fresh interpreter has imported after these."""
    program = f"import {', '.join(modules)}, sys; print(*sys.modules)"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=patience(), check=True)
    return set(done.stdout.split())


def test_a_supervisor_imports_nothing_of_what_its_processes_work_with() -> None:
    names = imported("relay.cli.serve", "relay.supervisor")

    heavy = {"aiohttp", "jinja2", "prometheus_client", "pydantic", "redis", "rich", "ruamel", "slack_sdk", "uvloop"}
    assert names & heavy == set()
    assert {name for name in names if name.startswith("relay.store.")} == {
        "relay.store.embedded",
        "relay.store.embedded.binary",
        "relay.store.embedded.data_directory",
        "relay.store.embedded.memory",
        "relay.store.embedded.server",
    }


def test_serving_needs_no_tracebacks_in_colour() -> None:
    assert imported("relay.cli.serve", "relay.app", "relay.supervisor.inside") & {"rich", "pygments"} == set()


def test_whoever_wants_rich_afterwards_has_it() -> None:
    assert "rich.console" in imported("relay.cli.serve", "relay.app", "relay.cli.screen")
