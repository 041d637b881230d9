"""What relay's messages share is compiled by another process, so that the first of them does not hold up events."""

import asyncio
import sys
from collections.abc import Iterator

import pytest

from relay.rendering.direct.wording import Wording
from relay.rendering.precompiled import complete, precompiled
from relay.rendering.sandbox import COMPILED
from relay.rendering.template_set import TemplateSet
from relay.resources import resource_dir
from relay.shutdown import cancelled

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def nothing_compiled() -> Iterator[None]:
    was, before = complete.is_set(), dict(COMPILED)
    complete.clear()
    COMPILED.clear()
    yield
    COMPILED.update(before)
    complete.set() if was else complete.clear()


async def test_nothing_that_messages_share_is_left_to_compile() -> None:
    await precompiled()

    known = len(COMPILED)
    Wording(TemplateSet([resource_dir("templates")])).complete_shared()
    assert complete.is_set()
    assert len(COMPILED) == known > 0


async def test_what_is_known_already_is_not_compiled_again() -> None:
    complete.set()

    await precompiled()

    assert not COMPILED


async def test_whoever_stops_meanwhile_does_not_wait_for_it() -> None:
    compiling = asyncio.create_task(precompiled())
    await asyncio.sleep(0)

    await cancelled(compiling)

    assert not complete.is_set()


@pytest.mark.parametrize("python", ["/nonexistent/python", "/bin/false"])
async def test_where_the_process_fails_each_is_compiled_when_it_is_needed(
    monkeypatch: pytest.MonkeyPatch, python: str
) -> None:
    monkeypatch.setattr(sys, "executable", python)

    await precompiled()

    assert not complete.is_set()
