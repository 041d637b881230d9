"""relay serve starts soon and stays small: what it can do without is not imported."""

import subprocess
import sys

import pytest

from tests.support.patience import patience

pytestmark = pytest.mark.slow


def imported(*modules: str) -> set[str]:
    """Return what a fresh interpreter has imported after these."""
    program = f"import {', '.join(modules)}, sys; print(*sys.modules)"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=patience(), check=True)
    return set(done.stdout.split())


def test_serving_needs_no_tracebacks_in_colour_and_no_pages() -> None:
    assert (
        imported("relay.cli.serve", "relay.app") & {"rich", "pygments", "relay.console.site", "relay.authoring"}
        == set()
    )


@pytest.mark.parametrize("module", ["access", "dead", "destinations", "silence", "status"])
def test_a_client_of_the_running_relay_imports_nothing_slow(module: str) -> None:
    assert (
        imported(f"relay.cli.{module}") & {"aiohttp", "jinja2", "pydantic", "redis", "ruamel.yaml", "asyncio"} == set()
    )


def test_whoever_wants_rich_afterwards_has_it() -> None:
    assert "rich.console" in imported("relay.cli.serve", "relay.app", "relay.cli.screen")
