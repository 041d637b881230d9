"""A message that takes longer to make than the event loop may be held up is made beside it."""

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

from relay.rendering import IsolatedRenderer
from relay.rendering.samples import maximal
from tests.support import samples
from tests.support.renderers import BUILT_IN, NOW


@pytest.fixture
async def renderer() -> AsyncIterator[IsolatedRenderer]:
    renderer = IsolatedRenderer([BUILT_IN], samples.OPTIONS)
    yield renderer
    await renderer.aclose()


@pytest.mark.parametrize(("change", "in_loop"), [(dict, [False, True]), (maximal, [False, False])])
async def test_a_first_message_of_a_file_and_a_long_one_are_made_beside_the_loop(
    renderer: IsolatedRenderer, monkeypatch: pytest.MonkeyPatch, change: Any, in_loop: list[bool]
) -> None:
    event = samples.messages(change)["operation.failed"]
    here, made = threading.get_ident(), []
    render = renderer.renderer.render

    def watched(*arguments: Any, **options: Any) -> dict[str, Any]:
        made.append(threading.get_ident() == here)
        return render(*arguments, **options)

    monkeypatch.setattr(renderer.renderer, "render", watched)
    for _ in range(2):
        await renderer.message("slack", "live", event, (event,), language="en", timezone="", now=NOW)

    assert made == in_loop


async def test_messages_under_way_at_a_time_are_each_their_own(renderer: IsolatedRenderer) -> None:
    """First messages compile in threads, several at once; nothing is shared that one could spoil for another."""
    events = [*samples.messages().values(), *samples.messages(maximal).values()]

    async def texts() -> list[str]:
        made = [renderer.message("slack", "live", event, (event,), language="en", timezone="", now=NOW)
                for event in events]  # fmt: skip
        return [rendered.content["text"] for rendered in await asyncio.gather(*made)]

    assert await texts() == await texts()
