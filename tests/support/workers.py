"""A worker with its composer, for a configuration and templates that stay as they are."""

import random
import time
from collections.abc import Callable, Mapping
from typing import Any

from relay.config import Config
from relay.delivering.composer import Composer
from relay.delivering.worker import Worker
from relay.outage import Outage
from relay.policy.silences import Silences
from relay.rendering import IsolatedRenderer
from relay.store import Store


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
