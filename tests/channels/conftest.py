"""A test that takes `smtp` runs in clear text, with STARTTLS and with TLS from the first byte on.

It runs on uvloop, which `relay serve` uses; encryption and the table of answers on asyncio's own event loop as well.
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
TABLE = "test_an_answer_through_the_wire_has_its_outcome[starttls]"  # the mode that has all stages


def pytest_asyncio_loop_factories(item: pytest.Function) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    if not TALKING & set(item.fixturenames):
        return {"asyncio": LOOPS["asyncio"]}
    both = item.path.name == "test_encryption.py" or item.name == TABLE
    return LOOPS if both else {"uvloop": LOOPS["uvloop"]}


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(params=MODES)
def smtp(request: pytest.FixtureRequest, certificate: Certificate) -> Callable[..., ScriptedSmtp]:
    """Makes mail servers that do as they are told, in one of the modes."""
    return partial(scripted, request.param, certificate)
