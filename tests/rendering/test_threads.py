"""Messages are made in threads, several at once; nothing is shared that one could spoil for another."""

import asyncio

from relay.rendering import IsolatedRenderer
from relay.rendering.samples import maximal
from tests.support import samples
from tests.support.renderers import BUILT_IN, NOW


async def test_messages_under_way_at_a_time_are_each_their_own() -> None:
    renderer = IsolatedRenderer([BUILT_IN], samples.OPTIONS)
    events = [*samples.messages().values(), *samples.messages(maximal).values()]

    async def texts() -> list[str]:
        made = [renderer.message("slack", "live", event, (event,), language="en", timezone="", now=NOW)
                for event in events]  # fmt: skip
        return [rendered.content["text"] for rendered in await asyncio.gather(*made)]

    assert await texts() == await texts()
