"""A message that several readers get is made once: the mails about one event to the addresses of one destination.

What differs from reader to reader is the link that ends it for them. relay's own wording prints it as it is, so the
next reader's can take its place; a message that a template of the user's has a part in is not kept.
"""

import re
from collections import deque
from collections.abc import Hashable, Mapping
from typing import Any, NamedTuple

from relay.domain.deliveries import Delivery

KEPT = 4  # a channel's deliveries of one event are claimed together
_AS_IT_IS = re.compile(r"[!#-%(-;=?-~]*")  # a link that is written in HTML as it is in text


class Made(NamedTuple):
    settings: Hashable
    delivery: Delivery
    link: str
    content: Mapping[str, Any]


class Repeats:
    """The last messages that were made. An event is compared as a whole, which takes a fiftieth of making its message.

    `settings` is all else that a message depends on.
    """

    def __init__(self) -> None:
        self._made: deque[Made] = deque(maxlen=KEPT)

    def find(self, settings: Hashable, delivery: Delivery, link: str) -> Mapping[str, Any] | None:
        """The message for this reader; None if it has to be made."""
        for made in self._made:
            if made.settings == settings and bool(made.link) == bool(link) and _same(made.delivery, delivery):
                if made.link == link:
                    return made.content
                if _AS_IT_IS.fullmatch(made.link + link):
                    return {name: _linked(value, made.link, link) for name, value in made.content.items()}
        return None

    def keep(self, settings: Hashable, delivery: Delivery, link: str, content: Mapping[str, Any]) -> None:
        self._made.append(Made(settings, delivery, link, content))


def _same(delivery: Delivery, other: Delivery) -> bool:
    return delivery.event == other.event and delivery.history == other.history


def _linked(value: Any, link: str, instead: str) -> Any:
    return value.replace(link, instead) if isinstance(value, str) else value
