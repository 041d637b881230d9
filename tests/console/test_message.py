"""The message as it was sent; what it says does nothing on our pages."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from relay.domain.deliveries import Receipt
from relay.store import Store
from relay.store.copies import COPIES
from tests.support.auth import TOKENS
from tests.support.clock import Clock
from tests.support.console import Open, console, more_destinations
from tests.support.queue import claim_one, message

HTML = '<h1 style="color: red">Failed</h1><script>alert(1)</script>'


async def sent(store: Store, content: dict[str, Any]) -> str:
    """A mail of the operation went out with this content; the name of its copy."""
    delivery = await claim_one(store, "email")
    await store.mark_sending(delivery)
    await store.complete(delivery, Receipt("ok"), message(delivery, content=content))
    return delivery.id


async def test_a_mail_is_shown_in_a_frame_in_which_it_can_do_nothing(
    open_store: Callable[..., Store], clock: Clock, tmp_path: Path
) -> None:
    store = open_store(copies=COPIES)
    async with console(store, clock, config=more_destinations(tmp_path, "", f"console:\n{TOKENS}")) as page:
        await page.take("progress", 10, "steps", operationId="op-1")
        name = await sent(store, {"subject": "Failed", "text": "It failed.", "html": HTML})

        html = await page.page(f"/message?copy={name}")
        async with page.client.get(page.server.make_url(f"/console/message/html?copy={name}")) as response:
            framed, policy = await response.text(), response.headers["Content-Security-Policy"]
        facts = await page.api("/operation?id=op-1")

        assert "It failed." in html
        assert "<script>alert" not in html
        assert f'<iframe class="mail" sandbox src="/console/message/html?copy={name}"' in html
        assert framed == HTML
        assert policy.startswith("sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:")
        assert f'href="/console/message?copy={name}"' in await page.page("/operation?id=op-1")
        assert [row["copied"] for row in facts["deliveries"]] == [name]


async def test_where_none_is_kept_no_link_leads_to_one(page: Open, store: Store, clock: Clock, tmp_path: Path) -> None:
    await page.take("progress", 10, "steps", operationId="op-1")
    name = await sent(store, {"subject": "Done", "text": "Done.", "html": HTML})
    for parts in ("", f"console:\n{TOKENS}"):
        async with console(store, clock, config=more_destinations(tmp_path, "", parts)) as other:
            pages = [await other.page(path) for path in ("/deliveries", "/operation?id=op-1")]

        assert [f"/console/message?copy={name}" in html for html in pages] == [bool(parts)] * 2
