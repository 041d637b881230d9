"""Access to the console: by a one-time link, a provider of OpenID Connect, an authenticating proxy, or an API token.

`auth` is what the rest of relay asks. `login_flow` and `single_sign_on` are the ways in, `browser_sessions` remembers
who is logged in, and `identity` knows their roles.
"""

from relay.console.access.auth import ConsoleAuth
from relay.console.access.browser import Render
from relay.console.access.identity import IDENTITY, STILL_ALLOWED, Identity

__all__ = ["IDENTITY", "STILL_ALLOWED", "ConsoleAuth", "Identity", "Render"]
