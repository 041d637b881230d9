"""Channels that mail to a server of the test's own."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from relay.channels.email.channel import Email
from relay.channels.email.session import Timeouts
from tests.channels.email.mail_channel import Connect, channel
from tests.support.scripted_smtp import ScriptedSmtp


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Makes channels to a server, and closes them."""
    made: list[Email] = []

    def one(server: ScriptedSmtp, timeouts: Timeouts | None = None, **changes: Any) -> Email:
        made.append(channel(server, timeouts, **changes))
        return made[-1]

    yield one
    for mails in made:
        await mails.aclose()
