"""The relay that is attacked: `relay serve` as a process, with a Redis, a Slack, a mail server and a platform."""

import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from aiohttp import ClientSession, ClientTimeout

from campaign.canaries import Canaries
from campaign.configuration import Configuration, Surroundings, configuration
from campaign.inbox import ClosedInbox
from campaign.outputs import Outputs
from campaign.process import memory, platform, serving
from relay.store import Store
from relay.store.queries.admin import Admin
from relay_sandbox.standins.slack import SlackStandin
from tests.support.commands import Done, relay, relay_on_terminal
from tests.support.patience import patience
from tests.support.redis_server import RedisServer
from tests.support.waiting import until

TOMORROW = 1  # delivery that waits for ever: the next digest
ON_PAPER = {"TERM": "dumb", "NO_COLOR": "1"}  # a terminal to which relay itself sends no codes


Thing = TypeVar("Thing")


@dataclass
class Target:
    """A running relay, as those see it who attack it."""

    url: str
    admin_url: str
    pid: int
    log: Path
    config: Path
    configured: Configuration
    slack: SlackStandin
    inbox: ClosedInbox
    redis: RedisServer
    canaries: Canaries
    outputs: Outputs = field(default_factory=Outputs)
    until: float = inf  # on the monotonic clock; what is not begun by then is left out

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or 0

    def while_in_time(self, things: Iterable[Thing]) -> Iterator[Thing]:
        """One after the other, until the time of this part is over."""
        for thing in things:
            if time.monotonic() > self.until:
                return
            yield thing

    def rss(self) -> float:
        """MB just now."""
        return memory(self.pid)

    def alive(self) -> bool:
        try:
            return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False

    async def get(self, path: str, *, admin: bool = False) -> tuple[int, str]:
        """Status and body; 0 without an answer."""
        token = self.configured.admin_token
        headers = {"Authorization": f"Bearer {token}"} if admin and token else {}
        url = (self.admin_url if admin else self.url) + path
        try:
            async with (
                ClientSession(timeout=ClientTimeout(patience(10)), headers=headers) as client,
                client.get(url) as answer,
            ):
                return answer.status, await answer.text()
        except (OSError, TimeoutError):
            return 0, ""

    async def counted(self, metric: str) -> float:
        """The sum of a metric over all of its labels."""
        _, text = await self.get("/metrics", admin=True)
        rows = [row.rpartition(" ") for row in text.splitlines() if row.startswith(metric)]
        return sum(float(value) for name, _, value in rows if name.partition("{")[0] == metric)

    async def settled(self) -> None:
        """Return once nothing waits to be delivered but the next digest."""
        store = Store.open(self.redis.url, process="campaign", may_own=False)
        async with aclosing(store):

            async def nothing_pending() -> bool:
                return (await Admin(store).ledger()).counts.get("pending", 0) <= TOMORROW

            await until(nothing_pending)

    async def command(self, *arguments: str | Path) -> Done:
        """`relay …` with this relay's configuration, into a pipe."""
        done = await relay(*_configured(arguments, self.config), env=self.configured.env)
        self.outputs.add(f"relay {arguments[0]}", done.out + done.err)
        return done

    async def on_terminal(self, *arguments: str | Path) -> str:
        """The same on a terminal that relay knows to take no codes."""
        env = {**self.configured.env, **ON_PAPER}
        done = await relay_on_terminal(*_configured(arguments, self.config), env=env)
        self.outputs.add(f"relay {arguments[0]}", done.out)
        return done.out


@asynccontextmanager
async def target(directory: Path) -> AsyncIterator[Target]:
    """A relay that serves, until it is left."""
    canaries = Canaries()
    redis = RedisServer(requirepass=canaries.make("redis.url"), appendonly="yes", appendfsync="no")
    redis.url = f"unix://:{canaries.secrets['redis.url']}@{redis.directory}/redis.sock?db=0"
    with redis:
        async with SlackStandin() as slack, ClosedInbox() as inbox, platform() as platform_url:
            around = Surroundings(slack.base_url, inbox.smtp_port, platform_url, redis.url)
            configured = configuration(directory, around, canaries)
            inbox.password = canaries.secrets["channels.email.password"]
            async with serving(directory, configured) as (process, started):
                host, port = started["addresses"][0]
                admin_host, admin_port = started["admin_addresses"][0]
                found = Target(
                    f"http://{host}:{port}", f"http://{admin_host}:{admin_port}", process.pid, directory / "relay.log",
                    directory / "relay.yaml", configured, slack, inbox, redis, canaries,
                )  # fmt: skip
                slack.interact(f"{found.url}/slack/interactions", configured.slack_secret)
                found.outputs.add_file("the log", found.log)
                yield found
                found.outputs.add("exit", f"{process.returncode}")


def _configured(arguments: tuple[str | Path, ...], config: Path) -> list[str | Path]:
    """Put the configuration before what may follow `--`."""
    place = arguments.index("--") if "--" in arguments else len(arguments)
    return [*arguments[:place], "-c", config, *arguments[place:]]
