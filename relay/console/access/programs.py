"""Programs that ask /api/v1: each shows a token of the configuration."""

import hmac
from collections.abc import Callable
from hashlib import sha256

from aiohttp import hdrs, web

from relay.config import Config
from relay.console.access.roles import TOKEN
from relay.console.access.who import Who


class Programs:
    """Whose token it is, by the configuration as it is now."""

    def __init__(self, config: Callable[[], Config]) -> None:
        self._config = config

    def who(self, request: web.Request) -> Who | None:
        """All of them are compared, each in a time that says nothing: of hashes, which have one length."""
        shown = request.headers.getall(hdrs.AUTHORIZATION, [])
        scheme, _, credentials = shown[0].strip().partition(" ") if len(shown) == 1 else ("", "", "")
        if scheme.casefold() != "bearer":
            return None
        offered = _hash(credentials.strip())
        who = None
        for name, own in self._config().console.tokens.items():
            if hmac.compare_digest(offered, _hash(own.token.get_secret_value())):
                who = Who(name, own.role, TOKEN)
        return who


def _hash(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogateescape")).digest()
