"""`channels.email` in the configuration, and `relay check --live` of it."""

from typing import Any

import pytest
from pydantic import ValidationError

from relay.errors import DeliveryError
from tests.support.certificates import Certificate
from tests.support.mail_channel import PASSWORD, Connect, settings
from tests.support.scripted_smtp import ScriptedSmtp


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
