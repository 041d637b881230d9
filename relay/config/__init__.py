"""The configuration: `Config`, and how it is read from a file."""

from relay.config.console import OPERATOR, ROLES, VIEWER, Console, Role
from relay.config.loading import digest_of, load, parse_config
from relay.config.redis import Redis
from relay.config.schema import Config, Server

__all__ = [
    "OPERATOR",
    "ROLES",
    "VIEWER",
    "Config",
    "Console",
    "Redis",
    "Role",
    "Server",
    "digest_of",
    "load",
    "parse_config",
]
