"""The e-mail channel against servers that behave, and against servers that do not."""

import asyncio
import base64
import email
import email.policy
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog
from pydantic import ValidationError

from relay.channels.email.channel import Email
from relay.channels.email.errors import MailError
from relay.channels.email.session import Server, Session, Timeouts
from relay.domain.deliveries import Notification
from relay.errors import DeliveryError
from tests.support.certificates import Certificate, make_certificate
from tests.support.scripted_smtp import CUT, EXTENSIONS, FIN, GOOD, RST, SILENCE, Reply, ScriptedSmtp, scripted

PASSWORD = "correct horse"
Connect = Callable[..., Email]
Smtp = Callable[..., ScriptedSmtp]
IMPATIENT = Timeouts(command=1.0, reply=1.0, submit=10.0)
SLOW_MACHINE = Timeouts(command=2.0, reply=2.0, submit=20.0)  # many dialogues at once, on few cores

MAIL = Notification(
    delivery="d-01",
    destination="analysts",
    address="analyst@example.com",
    kind="each",
    content={"subject": "[relay] Monthly mining", "preheader": "", "text": "It failed.\n", "html": "<p>It failed.</p>"},
    subject="op-gg1e8400",
    event="operation.failed",
    created_at=datetime(2024, 1, 20, 11, 40, tzinfo=UTC),
    language="de",
)


def settings(port: int, **changes: Any) -> Any:
    good = {"host": "127.0.0.1", "port": port, "tls": "none", "from": "Operations <relay@example.com>"}
    return Email.Settings.model_validate(good | changes)


def channel(server: ScriptedSmtp, timeouts: Timeouts | None = None, **changes: Any) -> Email:
    return Email(settings(server.port, **server.settings | changes), timeouts=timeouts)


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


async def failing(mails: Email, notification: Notification = MAIL) -> DeliveryError:
    """The error of an attempt that has to fail."""
    with pytest.raises(DeliveryError) as caught:
        await mails.send(notification)
    return caught.value


REPLIES: dict[str, Reply] = {
    "2xx": "250 2.0.0 OK", "4xx": "451 4.3.0 later", "5xx": "550 5.7.1 no", "421": "421 4.3.2 closing",
    "garbage": "\x00\x01 HTTP/1.1 200 OK", "broken": b"250-one\r\ntwo\r\n", "64kB": b"250 " + b"x" * 65_536 + b"\r\n",
    "silence": SILENCE, "rst": RST, "fin": FIN, "cut": CUT,
}  # fmt: skip
# delivered, transient (costs an attempt), permanent, unknown, or waiting (the whole channel, without an attempt lost)
MATRIX = """
            2xx        4xx        5xx        421        garbage    broken     64kB       silence    rst        fin        cut
connect     delivered  waiting    waiting    waiting    waiting    waiting    waiting    waiting    waiting    waiting    waiting
banner      delivered  waiting    waiting    waiting    waiting    waiting    waiting    waiting    waiting    waiting    waiting
ehlo        delivered  waiting    waiting    waiting    waiting    waiting    waiting    waiting    waiting    waiting    waiting
starttls    delivered  waiting    waiting    waiting    waiting    waiting    waiting    waiting    waiting    waiting    waiting
handshake   waiting    waiting    waiting    waiting    waiting    waiting    waiting    waiting    waiting    waiting    waiting
auth        delivered  waiting    waiting    waiting    waiting    waiting    waiting    waiting    waiting    waiting    waiting
mail        delivered  waiting    waiting    waiting    waiting    waiting    waiting    waiting    waiting    waiting    waiting
rcpt        delivered  transient  permanent  transient  transient  transient  transient  transient  transient  transient  transient
data        transient  transient  permanent  transient  transient  transient  transient  transient  transient  transient  transient
dot         delivered  transient  permanent  transient  unknown    unknown    unknown    unknown    unknown    unknown    unknown
rset        delivered  delivered  delivered  delivered  delivered  delivered  delivered  delivered  delivered  delivered  delivered
quit        delivered  delivered  delivered  delivered  delivered  delivered  delivered  delivered  delivered  delivered  delivered
"""  # noqa: E501
COLUMNS, *ROWS = [line.split() for line in MATRIX.strip().splitlines()]
OUTCOMES = {row[0]: dict(zip(COLUMNS, row[1:], strict=True)) for row in ROWS}
ONLY_STARTTLS = {"starttls", "handshake"}


def outcome(result: object) -> str:
    if not isinstance(result, DeliveryError):
        return "delivered"
    flags = {"waiting": result.pause == "channel", "permanent": result.permanent, "unknown": result.outcome_unknown}
    return " and ".join(name for name, holds in flags.items() if holds) or "transient"


async def answered(smtp: Smtp, stage: str, reply: str) -> tuple[str, int]:
    """What becomes of a mail at a server that answers so at this stage, and how many mails the server took."""
    answers = [GOOD[stage]] if reply == "2xx" and stage in GOOD and stage != "data" else [REPLIES[reply]]
    script: dict[str, Any] = {} if (reply, stage) in {("2xx", "connect"), ("2xx", "ehlo")} else {stage: answers}
    refuse_first = {"rcpt": ["550 5.1.1 no such user"]} if stage == "rset" else {}
    async with smtp(**script | refuse_first) as server:
        mails = channel(server, SLOW_MACHINE if reply == "silence" else None, username="relay", password=PASSWORD)
        if refuse_first:
            with pytest.raises(MailError):
                await mails.send(MAIL)

        try:
            result: object = await mails.send(MAIL)
        except DeliveryError as error:
            result = error
        await mails.aclose()
    return outcome(result), len(server.taken)


@pytest.mark.parametrize("reply", COLUMNS)
async def test_every_answer_at_every_stage_has_its_outcome(reply: str, smtp: Smtp) -> None:
    """A column at a time, so that silence is waited for once."""
    stages = [stage for stage in OUTCOMES if stage not in ONLY_STARTTLS or smtp().settings["tls"] == "starttls"]

    results = await asyncio.gather(*(answered(smtp, stage, reply) for stage in stages))

    expected = {stage: OUTCOMES[stage][reply] for stage in stages}
    assert dict(zip(stages, results, strict=True)) == {
        stage: (outcome, outcome == "delivered") for stage, outcome in expected.items()
    }


class TestRefusals:
    async def test_greylisting_is_tried_again_after_a_minute_at_the_earliest(
        self, smtp: Smtp, connect: Connect
    ) -> None:
        async with smtp(rcpt=["451 4.7.1 greylisted"]) as server:
            error = await failing(connect(server))

        assert (outcome(error), error.retry_after) == ("transient", 60.0)
        assert "451 4.7.1 greylisted" in str(error)

    async def test_a_refused_recipient_takes_nothing_from_the_others(self, smtp: Smtp, connect: Connect) -> None:
        async with smtp(rcpt=[GOOD["rcpt"], "550 5.1.1 no such user", GOOD["rcpt"]]) as server:
            mails = connect(server)
            await mails.send(replace(MAIL, address="a@example.com"))
            error = await failing(mails, replace(MAIL, address="b@example.com"))
            await mails.send(replace(MAIL, address="c@example.com"))

        assert (outcome(error), "550 5.1.1 no such user" in str(error)) == ("permanent", True)
        assert [mail.rcpt_to for mail in server.taken] == ["<a@example.com>", "<c@example.com>"]
        assert server.connections == 1

    async def test_every_recipient_has_an_envelope_and_a_mail_of_its_own(self, smtp: Smtp, connect: Connect) -> None:
        async with smtp() as server:
            mails = connect(server)
            for address in ("a@example.com", "b@example.com"):
                await mails.send(replace(MAIL, address=address))

        assert [sum(line.startswith("RCPT") for line in server.commands), len(server.taken)] == [2, 2]
        assert b"b@example.com" not in server.taken[0].data

    async def test_a_mail_refused_after_its_end_was_not_taken(self, smtp: Smtp, connect: Connect) -> None:
        async with smtp(dot=["451 4.3.0 no space"]) as server:
            error = await failing(connect(server))

        assert outcome(error) == "transient"

    @pytest.mark.parametrize("ended", [RST, FIN, CUT, SILENCE], ids=str)
    async def test_an_end_before_the_mail_has_left_is_no_doubt(
        self, ended: Reply, smtp: Smtp, connect: Connect
    ) -> None:
        long = replace(MAIL, content={**MAIL.content, "text": f"{'line' * 18}\n" * 100_000})
        async with smtp(body=[ended]) as server:
            error = await failing(connect(server, IMPATIENT if ended is SILENCE else None), long)

        assert (outcome(error), "." in server.commands) == ("transient", False)

    async def test_a_reset_after_the_end_leaves_doubt_and_the_repeat_is_the_same_mail(
        self, smtp: Smtp, connect: Connect
    ) -> None:
        async with smtp(dot=[RST]) as lost, smtp() as server:
            error = await failing(connect(lost))
            await connect(server).send(MAIL)
            await connect(server).send(MAIL)

        assert outcome(error) == "unknown"
        assert server.taken[0].data == server.taken[1].data

    async def test_a_mail_that_was_taken_is_delivered_whatever_follows(self, smtp: Smtp, connect: Connect) -> None:
        async with smtp(quit=[FIN]) as server:
            mails = connect(server)

            receipt = await mails.send(MAIL)
            await mails.aclose()

        assert receipt.detail == "250 2.0.0 OK queued as 4F00"

    @pytest.mark.parametrize("command", ["noop", "quit"])
    async def test_a_connection_with_an_answer_outstanding_is_used_no_more(self, command: str) -> None:
        until = asyncio.get_running_loop().time() + 10
        async with ScriptedSmtp(**{command: [SILENCE]}) as server:
            session = Session(Server("127.0.0.1", server.port, "none", None, None), Timeouts())
            await session.open(until)
            assert session.usable

            waiting = asyncio.create_task(session.probe(until) if command == "noop" else session.quit())
            await server.heard(command.upper())
            waiting.cancel()
            await asyncio.wait([waiting])

            assert waiting.cancelled()
            assert not session.usable
            session.close()

    async def test_a_connection_that_answers_a_probe_is_used_again(self) -> None:
        until = asyncio.get_running_loop().time() + 10
        async with ScriptedSmtp() as server:
            session = Session(Server("127.0.0.1", server.port, "none", None, None), Timeouts())
            await session.open(until)

            await session.probe(until)

            assert session.usable
            session.close()

    async def test_a_server_that_wants_no_more_mail_at_all_loses_no_attempt(self, smtp: Smtp, connect: Connect) -> None:
        async with smtp(banner=["421 4.3.2 too many connections"]) as server:
            error = await failing(connect(server))

        assert (error.pause, error.retry_after) == ("channel", 15.0)

    async def test_the_server_that_is_not_there_is_named(self, smtp: Smtp, connect: Connect) -> None:
        async with smtp() as server:
            pass

        error = await failing(connect(server))

        assert error.pause == "channel"
        assert f"127.0.0.1:{server.port}" in str(error)

    async def test_a_servers_words_cannot_steer_a_terminal(self, smtp: Smtp, connect: Connect) -> None:
        async with smtp(rcpt=[b"550-\x1b[2J\xff no\r\n550 " + b"x" * 2_000 + b"\r\n"]) as server:
            error = await failing(connect(server))

        assert "\x1b" not in str(error)
        assert len(str(error)) < 500


# What a refusal says of its recipient: nobody is there, not this mail, or nothing at all, since the fault is ours.
BOUNCES = [
    ("rcpt", "550 5.1.1 no such user", "hard"),
    ("rcpt", "550 5.1.10 recipient not found", "hard"),
    ("dot", "554 5.1.1 no such user", "hard"),
    ("rcpt", "550 user unknown", "soft"),
    ("rcpt", "550 5.2.1 mailbox disabled", "soft"),
    ("rcpt", "552 5.2.2 mailbox full", "soft"),
    ("rcpt", "550 5.4.1 access denied", "soft"),
    ("dot", "552 5.2.2 mailbox full", "soft"),
    ("rcpt", "550 5.7.1 relaying denied", ""),
    ("dot", "550 5.7.515 sender does not meet the required authentication level", ""),
    ("dot", "554 5.6.0 malformed", ""),
    ("dot", "554 refused", ""),
    ("rcpt", "451 4.7.1 greylisted", ""),
    ("auth", "535 5.7.8 wrong", ""),
]


class TestBounces:
    @pytest.mark.parametrize(("stage", "reply", "bounce"), BOUNCES, ids=[reply for _, reply, _ in BOUNCES])
    async def test_a_refusal_counts_against_the_recipient_only_if_it_is_about_them(
        self, stage: str, reply: str, bounce: str, connect: Connect
    ) -> None:
        async with ScriptedSmtp(**{stage: [reply]}) as server:
            error = await failing(connect(server, username="relay", password=PASSWORD))

        assert error.bounce == bounce


class TestSize:
    async def test_a_mail_larger_than_the_server_takes_goes_without_its_html(
        self, smtp: Smtp, connect: Connect
    ) -> None:
        async with smtp(mail=["552 5.3.4 message too big"]) as server:
            await connect(server).send(MAIL)

        [mail] = server.taken
        assert b"text/html" not in mail.data
        assert b"It failed." in mail.data

    async def test_so_does_one_that_was_refused_at_its_end(self, smtp: Smtp, connect: Connect) -> None:
        async with smtp(dot=["552 5.3.4 message too big"]) as server:
            await connect(server).send(MAIL)

        assert b"text/html" not in server.taken[0].data

    async def test_what_is_too_large_even_so_holds_up_nobody_else(self, smtp: Smtp, connect: Connect) -> None:
        async with smtp(mail=["552 5.3.4 message too big"] * 2) as server:
            error = await failing(connect(server))

        assert outcome(error) == "permanent"

    async def test_the_server_hears_the_size_beforehand(self, smtp: Smtp, connect: Connect) -> None:
        async with smtp() as server:
            await connect(server).send(MAIL)

        assert f"MAIL FROM:<relay@example.com> SIZE={len(server.taken[0].data)}" in server.commands


class TestAddressesBeyondAscii:
    abroad = replace(MAIL, address="grün@example.com")

    async def test_a_server_without_smtputf8_can_never_take_them(self, smtp: Smtp, connect: Connect) -> None:
        async with smtp() as server:
            mails = connect(server)
            error = await failing(mails, self.abroad)
            await mails.send(MAIL)

        assert (outcome(error), "SMTPUTF8" in str(error)) == ("permanent", True)
        assert (len(server.taken), server.connections) == (1, 1)

    async def test_another_takes_them_as_they_are(self, smtp: Smtp, connect: Connect) -> None:
        async with smtp(extensions=[*EXTENSIONS, "8BITMIME", "SMTPUTF8"]) as server:
            await connect(server).send(self.abroad)

        assert server.taken[0].rcpt_to == "<grün@example.com>"
        assert any(line.startswith("MAIL") and line.endswith("SMTPUTF8") for line in server.commands)
        assert (
            str(email.message_from_bytes(server.taken[0].data, policy=email.policy.default)["To"]) == "grün@example.com"
        )


class TestEncryption:
    async def test_the_mail_travels_encrypted(self, connect: Connect, certificate: Certificate) -> None:
        async with ScriptedSmtp(tls=certificate.context) as server:
            await connect(server, tls="starttls", ca_file=str(certificate.authority)).send(MAIL)

        assert len(server.taken) == 1
        assert next(line for line in server.commands if not line.startswith("EHLO")) == "STARTTLS"

    @pytest.mark.parametrize(
        "spoilt", [{"extensions": ["SIZE 1000"], "tls": None}, {"starttls": ["454 4.7.0 not now"]},
                   {"starttls": ["502 5.5.1 unknown"]}, {"starttls": ["250 2.0.0 fine"]}], ids=str
    )  # fmt: skip
    async def test_nothing_is_said_in_clear_text(
        self, spoilt: dict[str, Any], connect: Connect, certificate: Certificate
    ) -> None:
        async with ScriptedSmtp(**({"tls": certificate.context} | spoilt)) as server:
            error = await failing(
                connect(server, tls="starttls", ca_file=str(certificate.authority), username="relay", password=PASSWORD)
            )

        assert error.pause == "channel"
        assert {line.split(" ")[0] for line in server.commands} <= {"EHLO", "STARTTLS"}

    @pytest.mark.parametrize("extra", [b"250-mx.example.com\r\n250 SMTPUTF8\r\n", b"250-SMTPUTF8\r\n250-"], ids=str)
    async def test_what_comes_in_clear_text_behind_the_answer_to_starttls_is_not_believed(
        self, extra: bytes, connect: Connect, certificate: Certificate
    ) -> None:
        """It would stand in front of the encrypted answer to EHLO, and say in its place what the server can do."""
        async with scripted("starttls", certificate, starttls=[f"{GOOD['starttls']}\r\n".encode() + extra]) as server:
            mails = connect(server)
            error = await failing(mails, replace(MAIL, address="grün@example.com"))
            await mails.send(MAIL)

        assert (outcome(error), "does not offer SMTPUTF8" in str(error)) == ("permanent", True)
        assert (server.connections, len(server.taken)) == (1, 1)

    async def test_what_comes_in_clear_text_before_tls_is_not_the_greeting(
        self, connect: Connect, certificate: Certificate
    ) -> None:
        async with scripted("tls", certificate, connect=[GOOD["banner"]]) as server:
            error = await failing(connect(server))

        assert (error.pause, server.commands) == ("channel", [])

    @pytest.mark.parametrize("implicit", [False, True])
    async def test_a_certificate_nobody_vouches_for_stops_everything(
        self, implicit: bool, connect: Connect, certificate: Certificate
    ) -> None:
        async with ScriptedSmtp(tls=certificate.context, implicit=implicit) as server:
            error = await failing(connect(server, tls="tls" if implicit else "starttls"))

        assert (error.pause, server.taken) == ("channel", [])
        assert "certificate" in str(error)

    async def test_a_certificate_for_another_host_stops_everything(
        self, connect: Connect, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        other = make_certificate(tmp_path_factory.mktemp("other"), "mx.example.com")
        async with ScriptedSmtp(tls=other.context) as server:
            error = await failing(connect(server, tls="starttls", ca_file=str(other.authority)))

        assert (error.pause, server.taken) == ("channel", [])


class TestLogin:
    async def test_a_refused_login_stops_everything_and_tells_no_secret(
        self, smtp: Smtp, connect: Connect, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        encoded = base64.b64encode(f"\0relay\0{PASSWORD}".encode()).decode()
        replies: list[Reply] = [f"535 5.7.8 {PASSWORD} and {encoded} are wrong"]
        async with smtp(auth=replies) as server:
            with structlog.testing.capture_logs() as logs:
                error = await failing(connect(server, username="relay", password=PASSWORD))

        told = f"{error} {error!r} {error.__cause__} {logs} {caplog.text}"
        assert (error.pause, "535 5.7.8" in str(error)) == ("channel", True)
        assert PASSWORD not in told
        assert encoded not in told

    async def test_a_wrong_password_is_tried_once_so_that_no_account_is_locked(
        self, smtp: Smtp, connect: Connect
    ) -> None:
        async with smtp(auth=["535 5.7.8 no"] * 5) as server:
            await failing(connect(server, username="relay", password=PASSWORD))

        assert sum(line.startswith("AUTH") for line in server.commands) == 1

    async def test_a_server_that_wants_a_login_stops_everything(self, smtp: Smtp, connect: Connect) -> None:
        async with smtp(rcpt=["530 5.7.0 authentication required"]) as server:
            error = await failing(connect(server))

        assert error.pause == "channel"

    async def test_a_server_without_logins_stops_everything(self, smtp: Smtp, connect: Connect) -> None:
        async with smtp(extensions=[]) as server:
            error = await failing(connect(server, username="relay", password=PASSWORD))

        assert (error.pause, server.taken) == ("channel", [])

    def test_a_password_never_travels_in_clear_text(self) -> None:
        with pytest.raises(ValidationError, match="clear text") as caught:
            settings(25, host="mx.example.com", username="relay", password=PASSWORD)

        assert PASSWORD not in str(caught.value)

    def test_the_password_is_in_no_text_about_the_channel(self) -> None:
        configured = settings(587, tls="starttls", username="relay", password=PASSWORD)

        assert PASSWORD not in f"{configured!r} {Email(configured)!r} {vars(Email(configured))!r}"


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
            mails = connect(server, IMPATIENT)
            await mails.send(MAIL)

            await mails.send(MAIL)

        assert (server.connections, len(server.taken)) == (2, 2)

    async def test_one_with_an_answer_outstanding_is_not_kept(self, smtp: Smtp, connect: Connect) -> None:
        async with smtp(rcpt=[SILENCE]) as server:
            mails = connect(server, IMPATIENT)
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
        hurried = Timeouts(command=5.0, submit=0.2, reply=5.0)
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

    async def test_closing_takes_leave_on_all_that_are_idle(self, smtp: Smtp) -> None:
        async with smtp() as server:
            mails = channel(server)
            await asyncio.gather(*(mails.send(replace(MAIL, delivery=f"d-{number}")) for number in range(3)))

            await mails.aclose()

            await server.heard("QUIT", times=server.connections)

    async def test_a_cancelled_attempt_leaves_its_connection_to_nobody(self, smtp: Smtp, connect: Connect) -> None:
        async with smtp(dot=[SILENCE]) as server:
            mails = connect(server)
            attempt = asyncio.create_task(mails.send(MAIL))
            await server.heard(".")
            attempt.cancel()
            await asyncio.wait([attempt])

            await mails.send(MAIL)

        assert (attempt.cancelled(), server.connections, len(server.taken)) == (True, 2, 1)


class TestContent:
    async def test_lines_of_dots_arrive_as_they_are(self, smtp: Smtp, connect: Connect) -> None:
        dots = ".\n..\n.x\n\n.\nRSET\n.\n"
        async with smtp() as server:
            await connect(server).send(replace(MAIL, content={"subject": "dots", "text": dots, "html": ""}))

        mail = email.message_from_bytes(server.taken[0].data, policy=email.policy.default)
        assert mail.get_content().replace("\r\n", "\n") == dots

    async def test_megabytes_arrive_whole_and_leave_the_connection_good_for_the_next(
        self, smtp: Smtp, connect: Connect
    ) -> None:
        async with smtp() as server:
            mails = connect(server)
            await mails.send(replace(MAIL, content={**MAIL.content, "text": f"{'line' * 18}\n" * 100_000}))
            await mails.send(MAIL)

        assert server.taken[0].data.count(b"line\r\n") == 100_000
        assert (len(server.taken), server.connections) == (2, 1)


class TestCheck:
    async def test_it_says_how_the_server_lets_us_in(self, connect: Connect, certificate: Certificate) -> None:
        async with ScriptedSmtp(tls=certificate.context) as server:
            mails = connect(
                server, tls="starttls", ca_file=str(certificate.authority), username="relay", password=PASSWORD
            )

            assert await mails.check() == f"mail server 127.0.0.1:{server.port} answers (STARTTLS, as relay)"

        assert server.taken == []

    async def test_it_says_what_is_wrong(self, connect: Connect) -> None:
        async with ScriptedSmtp(auth=["535 5.7.8 no"]) as server:
            mails = connect(server, username="relay", password=PASSWORD)

            with pytest.raises(DeliveryError, match=r"535 5\.7\.8 no; check channels\.email\.username and password"):
                await mails.check()


class TestSettings:
    def test_the_port_follows_the_encryption(self) -> None:
        good = {"host": "mx.example.com", "from": "relay@example.com"}

        ports = [Email.Settings.model_validate(good | {"tls": tls}).port for tls in ("starttls", "tls")]

        assert ports == [587, 465]

    @pytest.mark.parametrize(
        "changes",
        [{"host": ""}, {"host": "mx example"}, {"port": 0}, {"port": 70_000}, {"tls": "maybe"}, {"from": "Operations"},
         {"from": "relay@example.com\r\nBcc: x@example.com"}, {"reply_to": "nobody"}, {"username": "relay"},
         {"password": PASSWORD}, {"ca_file": "/does/not/exist.pem"}, {"ca_file": __file__}, {"user": "relay"}],
        ids=str,
    )  # fmt: skip
    def test_what_cannot_work_is_refused(self, changes: dict[str, Any]) -> None:
        with pytest.raises(ValidationError):
            settings(**{"port": 587} | changes)
