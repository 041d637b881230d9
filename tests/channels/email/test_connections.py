"""Connections that are kept for the next mail, and what goes through them."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from relay.channels.email.channel import Email
from relay.channels.email.session import Timeouts
from tests.channels.email.mail_channel import MAIL, Connect, Smtp, failing, impatient, settings
from tests.support.patience import patience
from tests.support.scripted_smtp import FIN, GOOD, RST, SILENCE, Reply

pytestmark = pytest.mark.slow


class TestConnections:
    async def test_one_is_kept_for_the_next_mail(self, smtp: Smtp, connect: Connect) -> None:
        async with smtp() as server:
            mails = connect(server)
            for _ in range(5):
                await mails.send(MAIL)

        assert (server.connections, len(server.taken)) == (1, 5)

    @pytest.mark.parametrize(
        "ended",
        ["421 4.4.2 idle for too long", FIN, RST, SILENCE, b"nonsense\r\n", "451 4.7.0 too many mails"],
        ids=str,
    )
    async def test_a_kept_one_that_is_no_good_any_more_costs_no_attempt(
        self, ended: Reply, smtp: Smtp, connect: Connect
    ) -> None:
        async with smtp(mail=[GOOD["mail"], ended]) as server:
            mails = connect(server, impatient())
            await mails.send(MAIL)

            await mails.send(MAIL)

        assert (server.connections, len(server.taken)) == (2, 2)

    async def test_one_with_an_answer_outstanding_is_not_kept(self, smtp: Smtp, connect: Connect) -> None:
        async with smtp(rcpt=[SILENCE]) as server:
            mails = connect(server, impatient())
            await failing(mails)

            await mails.send(MAIL)

        assert (server.connections, len(server.taken)) == (2, 1)

    async def test_there_are_never_more_than_configured(self, smtp: Smtp) -> None:
        async with smtp() as server, AsyncExitStack() as stack:
            mails = Email(settings(server.port, **server.settings), connections=2)
            stack.push_async_callback(mails.aclose)

            await asyncio.gather(*(mails.send(replace(MAIL, delivery=f"d-{number}")) for number in range(20)))

        assert (len(server.taken), server.connections) == (20, 2)

    async def test_whoever_finds_none_free_has_sent_nothing_and_loses_no_attempt(self, smtp: Smtp) -> None:
        hurried = Timeouts(command=patience(), submit=patience(0.5), reply=patience())
        async with smtp(dot=[SILENCE]) as server, AsyncExitStack() as stack:
            mails = Email(settings(server.port, **server.settings), timeouts=hurried, connections=1)
            stack.push_async_callback(mails.aclose)
            stuck = asyncio.create_task(mails.send(MAIL))
            await server.heard(".")

            error = await failing(mails)

            stuck.cancel()
            await asyncio.wait([stuck])
        assert error.pause == "channel"

    async def test_an_idle_one_takes_its_leave(self, smtp: Smtp, connect: Connect) -> None:
        async with smtp() as server:
            await connect(server, Timeouts(idle=0.01)).send(MAIL)

            await server.heard("QUIT")

        assert server.connections == 1

    async def test_a_cancelled_attempt_leaves_its_connection_to_nobody(self, smtp: Smtp, connect: Connect) -> None:
        async with smtp(dot=[SILENCE]) as server:
            mails = connect(server)
            attempt = asyncio.create_task(mails.send(MAIL))
            await server.heard(".")
            attempt.cancel()
            await asyncio.wait([attempt])

            await mails.send(MAIL)

        assert (attempt.cancelled(), server.connections, len(server.taken)) == (True, 2, 1)
