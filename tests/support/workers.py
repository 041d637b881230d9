"""A worker with its composer, for a configuration and templates that stay as they are."""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from relay.config import Config
from relay.delivering.composer import Composer
from relay.delivering.worker import Worker
from relay.outage import Outage
from relay.policy.silences import Silences
from relay.rendering import IsolatedRenderer
from relay.store import Store
from relay.store.queries.admin import Admin
from tests.support.queue import dead_letters


def worker_of(
    store: Store,
    channels: Mapping[str, Any],
    config: Config,
    renderer: IsolatedRenderer,
    *,
    clock: Callable[[], float] = time.time,
    jitter: Callable[[], float] = random.random,
    outage: Outage | None = None,
    silences: Silences | None = None,
    **composing: Any,
) -> Worker:
    """`composing` goes to the composer: `enrich`, `unsubscribe`, `buttons`."""
    composer = Composer(lambda: config, lambda: renderer, clock=clock, **composing)
    its, away = silences or Silences(), outage or Outage()
    return Worker(
        store, channels, composer, config=lambda: config, clock=clock, jitter=jitter, outage=away, silences=its
    )


@dataclass
class Bench:
    """A store, a wire to send by, a configuration and templates, on a clock that the test moves."""

    store: Any
    wire: Any
    config: Config
    renderer: IsolatedRenderer
    clock: Any

    def worker(self, store: Any = None, **options: Any) -> Worker:
        """One more worker for Slack and mail, whose tries are not spread."""
        given = {"wire": self.wire, "config": self.config, "renderer": self.renderer, "clock": self.clock} | options
        channels = dict.fromkeys(("slack", "email"), given.pop("wire"))
        given = {"jitter": lambda: 0.0} | given
        return worker_of(store or self.store, channels, given.pop("config"), given.pop("renderer"), **given)

    async def counts(self) -> dict[str, int]:
        return dict((await Admin(self.store).ledger()).counts)

    async def dead(self) -> list[tuple[str, str]]:
        """Return the dead letters: why each was given up, and the last error."""
        return [(letter.reason, letter.error) for letter in await dead_letters(self.store)]
