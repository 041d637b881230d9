"""TLS, certificates and logins, the settings that say which, and `relay check --live` of them."""

import base64
import logging
from dataclasses import replace
from typing import Any

import pytest
import structlog
from pydantic import ValidationError

from relay.channels.email.channel import Email
from relay.errors import DeliveryError
from tests.channels.email.mail_channel import MAIL, PASSWORD, Connect, Smtp, failing, outcome, settings
from tests.support.certificates import Certificate, make_certificate
from tests.support.scripted_smtp import GOOD, Reply, ScriptedSmtp, scripted


class TestEncryption:
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

    def test_a_password_never_travels_in_clear_text(self) -> None:
        with pytest.raises(ValidationError, match="clear text") as caught:
            settings(25, host="mx.example.com", username="relay", password=PASSWORD)

        assert PASSWORD not in str(caught.value)

    def test_the_password_is_in_no_text_about_the_channel(self) -> None:
        configured = settings(587, tls="starttls", username="relay", password=PASSWORD)

        assert PASSWORD not in f"{configured!r} {Email(configured)!r} {vars(Email(configured))!r}"


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
