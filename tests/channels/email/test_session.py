"""Answers of a mail server at each stage: their meaning for the mail and for its recipient."""

import asyncio
from dataclasses import replace

import pytest
from aiosmtplib import SMTPResponseException, SMTPServerDisconnected

from relay.channels.email.errors import MailError, Stage, failed
from relay.channels.email.session import Server, Session, Timeouts
from relay.errors import DeliveryError
from tests.channels.email.mail_channel import MAIL, PASSWORD, Connect, Smtp, channel, failing, impatient, outcome
from tests.support.scripted_smtp import CUT, FIN, GOOD, RST, SILENCE, Reply, ScriptedSmtp

REPLIES: dict[str, Reply] = {
    "2xx": "250 2.0.0 OK", "4xx": "451 4.7.1 later", "5xx": "550 5.7.1 no", "421": "421 4.3.2 closing",
    "garbage": "\x00\x01 HTTP/1.1 200 OK", "broken": b"250-one\r\ntwo\r\n", "64kB": b"250 " + b"x" * 65_536 + b"\r\n",
    "silence": SILENCE, "rst": RST, "fin": FIN, "cut": CUT,
}  # fmt: skip
# delivered, transient (costs an attempt), permanent, or the server is away, so that no attempt is lost: waiting, and
# unknown where the mail may have arrived. Each stage with the answers that it alone could take for another one.
CELLS = """
connect    rst:waiting fin:waiting
banner     4xx:waiting 5xx:waiting garbage:waiting silence:waiting
ehlo       5xx:waiting 64kB:waiting
starttls   5xx:waiting cut:waiting
handshake  fin:waiting
auth       4xx:waiting 5xx:waiting
mail       4xx:waiting 5xx:waiting silence:waiting
rcpt       4xx:transient 5xx:permanent 421:waiting fin:waiting
data       5xx:permanent 2xx:waiting
dot        4xx:transient 5xx:permanent 421:waiting garbage:unknown broken:unknown rst:unknown cut:unknown
rset       5xx:delivered
quit       rst:delivered silence:delivered
"""
OUTCOMES = {(stage, *cell.split(":")) for stage, *cells in map(str.split, CELLS.strip().splitlines()) for cell in cells}
ONLY_STARTTLS = {"starttls", "handshake"}
ERRORS: dict[str, Exception] = {
    "4xx": SMTPResponseException(451, "4.7.1 later"), "5xx": SMTPResponseException(550, "5.7.1 no"),
    "421": SMTPResponseException(421, "closing"), "ill": SMTPResponseException(451, "4.3.0 no space"),
    "garbage": SMTPResponseException(-1, "HTTP/1.1 200 OK"),
    "silence": TimeoutError(), "rst": ConnectionResetError(), "fin": SMTPServerDisconnected("Connection lost"),
}  # fmt: skip


@pytest.mark.parametrize("stage", Stage)
def test_each_error_at_each_stage_has_its_outcome(stage: Stage) -> None:
    found = {answer: outcome(failed(stage, error, "mail server")) for answer, error in ERRORS.items()}

    broken = "unknown" if stage is Stage.DOT else "waiting"
    refusals = ("transient", "permanent") if stage in (Stage.RCPT, Stage.DATA, Stage.DOT) else ("waiting", "waiting")
    assert found == dict(zip(ERRORS, (*refusals, "waiting", "waiting", *[broken] * 4), strict=True))


@pytest.mark.parametrize("code", [530, 534, 535, 538])
def test_a_login_that_is_missed_late_is_no_fault_of_the_mail(code: int) -> None:
    """Some servers want it, or end it, at RCPT or DATA only (RFC 4954 §6)."""
    error = SMTPResponseException(code, "5.7.0 authentication required")
    early = [failed(stage, error, "mail server") for stage in Stage if stage is not Stage.DOT]

    assert {(outcome(one), one.stage, one.bounce) for one in early} == {("waiting", Stage.AUTH, "")}
    assert outcome(failed(Stage.DOT, error, "mail server")) == "permanent"


def test_a_mail_larger_than_the_server_takes_holds_up_no_other() -> None:
    error = failed(Stage.MAIL, SMTPResponseException(552, "5.3.4 message too big"), "mail server")

    assert (outcome(error), error.too_large) == ("permanent", True)


async def answered(smtp: Smtp, stage: str, reply: str) -> tuple[str, int]:
    """Return what becomes of a mail at a server that answers so at this stage, and how many mails the server took."""
    refuse_first = {"rcpt": ["550 5.1.1 no such user"]} if stage == "rset" else {}
    async with smtp(**{stage: [REPLIES[reply]]} | refuse_first) as server:
        mails = channel(server, impatient(2.0) if reply == "silence" else None, username="relay", password=PASSWORD)
        if refuse_first:
            with pytest.raises(MailError):
                await mails.send(MAIL)

        try:
            result: object = await mails.send(MAIL)
        except DeliveryError as error:
            result = error
        await mails.aclose()
    return outcome(result), len(server.taken)


@pytest.mark.slow
async def test_an_answer_through_the_wire_has_its_outcome(smtp: Smtp) -> None:
    """All at once, so that silence is waited for once."""
    starttls = smtp().settings["tls"] == "starttls"
    cells = sorted(cell for cell in OUTCOMES if starttls or cell[0] not in ONLY_STARTTLS)

    results = await asyncio.gather(*(answered(smtp, stage, reply) for stage, reply, _ in cells))

    expected = [(outcome, outcome == "delivered") for _, _, outcome in cells]
    assert dict(zip(cells, results, strict=True)) == dict(zip(cells, expected, strict=True))


async def test_lines_that_begin_with_a_dot_arrive_as_they_are(smtp: Smtp) -> None:
    """A link that is wrapped may go on with `.html`, and a dot alone would end the mail (RFC 5321 §4.5.2)."""
    mail = b"Subject: x\r\n\r\nhttps://example.com/report\r\n.html\r\n..\r\n.\r\nend\r\n"
    until = asyncio.get_running_loop().time() + 10
    async with ScriptedSmtp() as server:
        session = Session(Server("127.0.0.1", server.port, "none", None, None), Timeouts())
        await session.open(until)
        await session.begin("relay@example.com", "a@example.com", len(mail), until)
        await session.submit("a@example.com", mail, until)
        await session.quit()

    assert [one.data for one in server.taken] == [mail]


class TestRefusals:
    async def test_a_refused_recipient_takes_nothing_from_the_others(self, smtp: Smtp, connect: Connect) -> None:
        async with smtp(rcpt=[GOOD["rcpt"], "550 5.1.1 no such user", GOOD["rcpt"]]) as server:
            mails = connect(server)
            await mails.send(replace(MAIL, address="a@example.com"))
            error = await failing(mails, replace(MAIL, address="b@example.com"))
            await mails.send(replace(MAIL, address="c@example.com"))

        assert (outcome(error), "550 5.1.1 no such user" in str(error)) == ("permanent", True)
        assert [mail.rcpt_to for mail in server.taken] == ["<a@example.com>", "<c@example.com>"]
        assert server.connections == 1

    @pytest.mark.slow
    @pytest.mark.parametrize("ended", [RST, FIN, CUT, SILENCE], ids=str)
    async def test_an_end_before_the_mail_has_left_is_no_doubt(
        self, ended: Reply, smtp: Smtp, connect: Connect
    ) -> None:
        long = replace(MAIL, content={**MAIL.content, "text": f"{'line' * 18}\n" * 100_000})
        async with smtp(body=[ended]) as server:
            error = await failing(connect(server, impatient() if ended is SILENCE else None), long)

        assert (outcome(error), "." in server.commands) == ("waiting", False)

    async def test_a_reset_after_the_end_leaves_doubt_and_the_repeat_is_the_same_mail(
        self, smtp: Smtp, connect: Connect
    ) -> None:
        async with smtp(dot=[RST]) as lost, smtp() as server:
            error = await failing(connect(lost))
            await connect(server).send(MAIL)
            await connect(server).send(MAIL)

        assert outcome(error) == "unknown"
        assert server.taken[0].data == server.taken[1].data

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


class TestAddressesBeyondAscii:
    abroad = replace(MAIL, address="grün@example.com")

    async def test_a_server_without_smtputf8_can_never_take_them(self, smtp: Smtp, connect: Connect) -> None:
        async with smtp() as server:
            mails = connect(server)
            error = await failing(mails, self.abroad)
            await mails.send(MAIL)

        assert (outcome(error), "SMTPUTF8" in str(error)) == ("permanent", True)
        assert (len(server.taken), server.connections) == (1, 1)
