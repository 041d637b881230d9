"""What an operator decides: `Config`, and the way to it from a file. This is the room's only door."""

from relay.config.console import OPERATOR, ROLES, VIEWER, Console, Oidc, Role
from relay.config.loading import digest_of, load, parse_config
from relay.config.redis import Redis
from relay.config.schema import Config, Server

__all__ = [
    "OPERATOR",
    "ROLES",
    "VIEWER",
    "Config",
    "Console",
    "Oidc",
    "Redis",
    "Role",
    "Server",
    "digest_of",
    "load",
    "parse_config",
]
