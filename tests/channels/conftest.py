"""A test that takes `smtp` runs in clear text, with STARTTLS and with TLS from the first byte on.

Whatever talks to a mail server runs on asyncio's own event loop and on uvloop, which `relay serve` uses.
"""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial

import pytest
import uvloop

from tests.support.certificates import Certificate, make_certificate
from tests.support.scripted_smtp import ScriptedSmtp, scripted

MODES = ("none", "starttls", "tls")
LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
TALKING = {"smtp", "server"}  # fixtures


def pytest_asyncio_loop_factories(item: pytest.Function) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return LOOPS if TALKING & set(item.fixturenames) else {"asyncio": LOOPS["asyncio"]}


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(params=MODES)
def smtp(request: pytest.FixtureRequest, certificate: Certificate) -> Callable[..., ScriptedSmtp]:
    """Makes mail servers that do as they are told, in one of the modes."""
    return partial(scripted, request.param, certificate)
