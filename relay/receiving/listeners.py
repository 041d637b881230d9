"""relay's two listeners: the world's, and the operators'. Each has its own connections, and its own TLS or none."""

from dataclasses import dataclass
from typing import Any, Self

from aiohttp import web

from relay.errors import CannotListen
from relay.receiving.admin import MAX_CONNECTIONS, OWN_MACHINE, SHARE, URGENT
from relay.receiving.guard import Guard
from relay.receiving.peers import Proxies
from relay.receiving.renewal import Certificates
from relay.receiving.server import GuardedRunner, serve

WORLD, OPERATORS = "server", "server.admin"  # the sections of the configuration


@dataclass(frozen=True)
class Listeners:
    """Both of them, listening."""

    world: GuardedRunner
    operators: GuardedRunner

    @classmethod
    async def open(
        cls,
        world: tuple[web.Application, str, int],
        operators: tuple[web.Application, str, int],
        certificates: Certificates,
        *,
        guard: Guard,
        reuse_port: bool = False,
    ) -> Self:
        """Listen with these applications on these hosts and ports (0: any free one); `guard` and `reuse_port` are
        the world's. Proxies are trusted on both.

        CannotListen if one address is not to be had; then there is neither.
        """

        async def listen(section: str, app: web.Application, host: str, port: int, **options: Any) -> GuardedRunner:
            context = certificates.context(section)
            try:
                return await serve(app, host, port, context=context, **options)
            except OSError as error:
                raise CannotListen(section, host, port, error) from None

        second = await listen(OPERATORS, *operators, guard=operators_guard(guard.proxies))
        try:  # the last, for from here on events come
            return cls(await listen(WORLD, *world, guard=guard, reuse_port=reuse_port), second)
        except BaseException:
            await second.cleanup(0.0)
            raise


def operators_guard(proxies: Proxies) -> Guard:
    """That of the operators' listener."""
    return Guard(
        most=MAX_CONNECTIONS, share=SHARE, proxies=proxies, unshared=OWN_MACHINE, probes=URGENT, listener="operators"
    )


def addresses(runner: GuardedRunner) -> list[tuple[str, int]]:
    """Hosts and ports, as they are at last."""
    return [(str(address[0]), int(address[1])) for address in runner.addresses]
