"""An inbox that wants a password, and that may repeat what it was given."""

import asyncio
import logging
import warnings
from typing import Any

from aiosmtpd.smtp import AuthResult, LoginPassword

from relay_sandbox.standins import inbox as standin

# Of loopback, and of what the library itself uses.
warnings.filterwarnings("ignore", "Requiring AUTH while not requiring TLS|Session.login_data is deprecated")
logging.getLogger("mail.log").setLevel(logging.ERROR)


class ClosedInbox(standin.Inbox):
    """`logins` counts those who had the password."""

    def __init__(self) -> None:
        super().__init__()
        self.password = ""
        self.logins = 0

    def _authenticate(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
        genuine = isinstance(given, LoginPassword) and given.password == self.password.encode()
        self.logins += genuine
        return AuthResult(success=genuine)

    def _connection(self) -> Any:
        connection = standin._Connection(
            self, hostname="inbox.example", enable_SMTPUTF8=True, data_size_limit=standin.MAX_MAIL,
            auth_required=True, auth_require_tls=False, authenticator=self._authenticate,
            loop=asyncio.get_running_loop(),
        )  # fmt: skip
        connection.open = self._connections
        return connection
