"""The other side of a channel, whose answers the test chooses."""

import asyncio
from collections.abc import Mapping
from typing import Any

from relay.domain.deliveries import Limit, Notification, Receipt


class Wire:
    """The other side of a channel: remembers what arrived, and answers as it was told to."""

    max_concurrency = 16
    timeout = 5.0

    def __init__(self) -> None:
        self.arrived: list[Notification] = []
        self.answers: list[Exception | Receipt | asyncio.Event] = []
        self.called = asyncio.Event()
        self.taken = 0  # answered as good
        self.given_up: list[tuple[str, str]] = []  # operation and error
        self.limited: tuple[tuple[Limit, ...], tuple[Limit, ...]] = (
            (Limit("post:#room", 1.0),),
            (Limit("edit", 1.5, 10),),
        )

    def limits(self, _address: str, _settings: object = None) -> tuple[tuple[Limit, ...], tuple[Limit, ...]]:
        return self.limited

    async def send(self, notification: Notification) -> Receipt:
        self.arrived.append(notification)
        self.called.set()
        good = Receipt("ok", {"channel": "C1", "ts": "1.1"})
        answer = self.answers.pop(0) if self.answers else good
        if isinstance(answer, asyncio.Event):
            await answer.wait()
            answer = good
        if isinstance(answer, Exception):
            raise answer
        self.taken += 1
        return answer

    async def gave_up(self, content: Mapping[str, Any], error: str) -> None:
        self.given_up.append((content["operation"]["operationId"], error))
