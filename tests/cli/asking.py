"""Commands to a running relay."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import Result

from relay.store import Store
from relay.store.audit import AuditEntry
from tests.support.audit import acts_of
from tests.support.inprocess import relay_beside
from tests.support.stage import CONFIG, Surroundings


@dataclass(frozen=True)
class Commands:
    """Commands to the relay that has started in these surroundings with this configuration."""

    around: Surroundings
    config: Path = CONFIG

    @property
    def store(self) -> Store:
        return self.around.store

    async def __call__(self, *arguments: object, **env: str) -> Result:
        return await relay_beside(*arguments, "-c", self.config, env={**self.around.env, **env})

    async def facts(self, *arguments: object) -> Any:
        return json.loads((await self(*arguments, "--json")).output)

    async def acts(self) -> list[AuditEntry]:
        return await acts_of(self.store.redis)
