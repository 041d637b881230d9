"""A mail to several readers is made once, and is what each would have got by themselves."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from relay.config import Config
from relay.delivering.composer import Composer
from relay.domain.deliveries import Delivery, DeliveryOptions
from relay.rendering import IsolatedRenderer
from relay.rendering.isolated import Rendered
from tests.support import events
from tests.support.clock import Clock

TEMPLATES = Path(__file__).parents[2] / "templates"


class Counting(IsolatedRenderer):
    made = 0

    async def message(self, *arguments: Any, **options: Any) -> Rendered:
        self.made += 1
        return await super().message(*arguments, **options)


def delivery_to(address: str, **changes: Any) -> Delivery:
    """Each with documents of its own, as they are claimed."""
    event = events.failed(priority="High")
    kind = changes.pop("kind", "each")
    delivery = Delivery(address, "l", "analysts", "email", address, kind, event, (event,), {}, 1, event.received_at)
    return replace(delivery, **changes)


async def link(delivery: Delivery, _language: str) -> str:
    return f"https://relay.example.com/unsubscribe/{delivery.address}-token"


@pytest.fixture
def composer_of(config: Config, clock: Clock) -> Callable[..., Composer]:
    return lambda renderer, **options: Composer(lambda: config, lambda: renderer, clock=clock, **options)


async def test_all_readers_of_an_event_get_one_message_each_with_a_link_of_their_own(
    composer_of: Callable[..., Composer],
) -> None:
    renderer = Counting([TEMPLATES])
    composer = composer_of(renderer, unsubscribe=link)

    mails = [await composer.compose(delivery_to(name)) for name in ("ann", "bob", "cyd")]

    assert renderer.made == 1
    for mail in mails:
        alone = await composer_of(renderer, unsubscribe=link).compose(delivery_to(mail.address))
        assert mail == alone
        assert f"/unsubscribe/{mail.address}-token" in mail.content["text"]


async def test_readers_without_a_link_get_the_same_message(composer_of: Callable[..., Composer]) -> None:
    renderer = Counting([TEMPLATES])
    composer = composer_of(renderer)

    first, second = [await composer.compose(delivery_to(name)) for name in ("ann", "bob")]

    assert renderer.made == 1
    assert first.content == second.content


@pytest.mark.parametrize(
    "changes",
    [
        {"event": events.failed(priority="Low")},
        {"history": ()},
        {"destination": "others"},
        {"channel": "slack"},
        {"options": DeliveryOptions(language="de")},
        {"options": DeliveryOptions(timezone="Asia/Kathmandu")},
    ],
)
async def test_whatever_else_differs_makes_another_message(
    composer_of: Callable[..., Composer], changes: dict[str, Any]
) -> None:
    renderer = Counting([TEMPLATES])
    composer = composer_of(renderer)

    await composer.compose(delivery_to("ann"))
    other = await composer.compose(delivery_to("bob", **changes))

    assert renderer.made == 2
    assert other.content == (await composer_of(renderer).compose(delivery_to("bob", **changes))).content


async def test_the_next_minute_makes_another_message_since_it_may_be_another_day(
    composer_of: Callable[..., Composer], clock: Clock
) -> None:
    renderer = Counting([TEMPLATES])
    composer = composer_of(renderer)

    await composer.compose(delivery_to("ann"))
    clock.advance(60)
    await composer.compose(delivery_to("bob"))

    assert renderer.made == 2


@pytest.mark.slow
async def test_what_a_template_of_the_users_says_is_made_for_each_reader(
    composer_of: Callable[..., Composer], tmp_path: Path
) -> None:
    (tmp_path / "email").mkdir()
    (tmp_path / "email" / "layout.txt").write_text("{{ dest.unsubscribe|upper }}")
    renderer = Counting([tmp_path, TEMPLATES])
    composer = composer_of(renderer, unsubscribe=link)

    texts = [(await composer.compose(delivery_to(name))).content["text"] for name in ("ann", "bob")]
    await renderer.aclose()

    assert [text.strip() for text in texts] == [
        f"HTTPS://RELAY.EXAMPLE.COM/UNSUBSCRIBE/{name}-TOKEN" for name in ("ANN", "BOB")
    ]
