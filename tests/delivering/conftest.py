"""A worker before a wire: a channel whose answers the test chooses."""

from pathlib import Path

import pytest

from relay.channels import CHANNELS
from relay.config import Config, parse_config
from relay.delivering.worker import Worker
from relay.rendering import IsolatedRenderer
from relay.store import Store
from tests.support.clock import Clock
from tests.support.wire import Wire
from tests.support.workers import Bench

TEMPLATES = Path(__file__).parents[2] / "templates"
CONFIG = """
sources: {async-operations: {signature: {secrets: {current: "a-secret-of-enough-length"}}}}
retry: {max_retries: 2, retry_delay: 60}
channels: {slack: {token: xoxb-1-wire}, email: {host: localhost, from: relay@example.com}}
destinations:
  room: {slack: "#room", mode: each, language: de, mention: {failed: ["@analyst"], critical_failed: ["@data-team"]}}
  analysts: {email: "analyst@example.com", retry: {max_retries: 0}}
rules: []
"""


@pytest.fixture
def config() -> Config:
    return parse_config(CONFIG, env={}, channels=CHANNELS)


@pytest.fixture(scope="module")
def renderer() -> IsolatedRenderer:
    return IsolatedRenderer([TEMPLATES])


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def bench(store: Store, wire: Wire, config: Config, renderer: IsolatedRenderer, clock: Clock) -> Bench:
    return Bench(store, wire, config, renderer, clock)


@pytest.fixture
def worker(bench: Bench) -> Worker:
    return bench.worker()
