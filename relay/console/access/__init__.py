"""Access to the console by one-time links, an authenticating proxy, or API tokens."""

from relay.console.access.auth import ConsoleAuth
from relay.console.access.identity import IDENTITY, Identity

__all__ = ["IDENTITY", "ConsoleAuth", "Identity"]
