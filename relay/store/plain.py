"""Plain values beside the partition's state, by which nothing is decided: sealed for their names, as its own are."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from redis.asyncio import Redis

from relay.store import keys
from relay.store.client import write, write_although_full
from relay.store.journal.codec import Codec
from relay.store.journal.scripts import Scripts
from relay.store.queries.reader import Reader
from relay.store.sealing import Sealer


class Plain(Reader):
    """Names have no prefix. Every failure is StoreUnavailable; what cannot be opened is left out, and logged."""

    def __init__(self, redis: Redis, sealer: Sealer | None = None) -> None:
        self.redis = redis
        super().__init__(Scripts(redis), Codec((), sealer), keys.PREFIX)

    def sealed(self, name: str, content: bytes | Mapping[str, Any], field: str = "") -> bytes:
        """Return it as the value of this name; of a hash, as that of a field."""
        text = content if isinstance(content, bytes) else json.dumps(content).encode("utf-8", "replace")
        return self._codec.seal(text, f"{name}\0{field}" if field else name)

    async def find(self, name: str) -> dict[str, Any] | None:
        """Return a document that was kept under this name."""
        [text] = await self.values([name])
        return json.loads(text) if text else None

    async def keep(
        self, name: str, document: Mapping[str, Any], seconds: float, *, although_full: bool = False
    ) -> None:
        """Keep a document for so long."""
        words = (keys.PREFIX + name, "SET", self.sealed(name, document), "EX", max(1, int(seconds)))
        if although_full:
            await write_although_full(self.redis, *words)
        else:
            await write(self.redis, self.redis.set(words[0], words[2], ex=words[4]))

    async def delete(self, *names: str) -> int:
        """Delete these; return how many there were."""
        return int(await write(self.redis, self.redis.delete(*(keys.PREFIX + name for name in names))))

    async def lengths(self, names: Sequence[str]) -> list[int]:
        """Return the bytes of each value, 0 where there is none."""
        return await self._ask([("STRLEN", self._key(name)) for name in names])
