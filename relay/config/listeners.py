"""Checks of the listeners and of access to them that no single value allows."""

from relay.config.schema import Config, Server
from relay.configfile.document import Document, KeyPath
from relay.receiving.operators import is_loopback
from relay.receiving.secret_strength import MAKE_ONE, SHORT_SECRET, strength

ADMIN: KeyPath = ("server", "admin")
WITHOUT_SECRET = "with redis.url it needs a secret, RELAY_SECRET (docs/configuration.md)"  # noqa: S105 - says what to do
EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104 - compared with, not listened on


def check_listeners(server: Server, document: Document) -> None:
    if server.admin_port > 65_535:
        document.report((*ADMIN, "port"), f"missing, and there is none above {server.port}; expected a port")
    same_host = server.host == server.admin.host or {server.host, server.admin.host} & {*EVERYWHERE}
    if server.port and server.port == server.admin_port and same_host:
        document.report((*ADMIN, "port"), "the same as server.port; expected another one")
    _check_who_may_ask(server, document)


def check_secrets(config: Config, document: Document) -> None:
    """Warn of what is off without a secret; with a private Redis relay makes one."""
    if config.redis.url and not config.secrets:
        document.warn(
            ("secrets",),
            f"not set, so the console, unsubscribe links and buttons are off; set RELAY_SECRET, {MAKE_ONE}",
        )
    for name, secret in config.secrets.items():
        if (length := strength(secret)) < SHORT_SECRET:
            document.warn(("secrets", name), f"the secret has {length} bytes; {SHORT_SECRET} or more are better")


def check_console(config: Config, document: Document) -> None:
    console, admin = config.console, config.server.admin
    if console.trusted_header and not config.server.trusted_proxies:
        document.report(
            ("console", "trusted_header"),
            "nobody is believed who states a user; expected the address of the authenticating proxy in "
            "server.trusted_proxies",
        )
    for name, own in console.tokens.items():
        if (length := strength(own.token)) < SHORT_SECRET:
            path: KeyPath = ("console", "tokens", name, "token")
            document.warn(path, f"the token has {length} bytes; {SHORT_SECRET} or more are better")
    if console.enabled and not console.url.startswith("https:") and not is_loopback(admin.host):
        document.warn(
            ("console",),
            "logins and sessions go over the network as they are; expected a proxy that speaks TLS, with its address "
            "in console.url",
        )


def _check_who_may_ask(server: Server, document: Document) -> None:
    """Require a credential from operators on other machines: their pages show addresses and states."""
    admin, token = server.admin, server.admin.token
    if not token.get_secret_value() and not is_loopback(admin.host):
        document.report(
            (*ADMIN, "host"),
            f"{admin.host or 'every address'} can be reached from other machines; expected a token besides "
            "(server.admin.token, make one with: openssl rand -hex 32), or 127.0.0.1",
        )
    if token.get_secret_value() and (length := strength(token)) < SHORT_SECRET:
        document.warn((*ADMIN, "token"), f"the token has {length} bytes; {SHORT_SECRET} or more are better")
