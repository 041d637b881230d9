"""Plain values beside the partition's state, by which nothing is decided."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from redis.asyncio import Redis

from relay.store.client import ALTHOUGH_FULL, write
from relay.store.journal.codec import Codec
from relay.store.journal.scripts import Scripts
from relay.store.keys import PREFIX
from relay.store.queries.reader import Reader, readable
from relay.store.wire import Command

# Replace what was read; nothing is '', and stays as it is where it is another value meanwhile.
SWAP = """#!lua flags=allow-oom
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
"""


class Plain(Reader):
    """Names have no prefix. Every failure is StoreUnavailable; what cannot be read is left out, and logged."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        super().__init__(Scripts(redis), Codec(), PREFIX)

    async def do(self, *commands: Command) -> list[Any]:
        """Return the answers to these commands, whose second word is the name of a value."""
        whole = [(verb, self._key(str(name)), *map(_sendable, rest)) for verb, name, *rest in commands]
        answers: list[Any] = await write(self._redis, self._ask(whole))
        return answers

    async def run(self, script: str, names: Sequence[str], *rest: str | bytes | int) -> Any:
        [answer] = await write(self._redis, self._ask([("EVAL", script, len(names), *map(self._key, names), *rest)]))
        return answer

    async def do_although_full(self, verb: str, name: str, *rest: str | bytes | int) -> Any:
        """Do this by a Redis that is full, too: for what is small, bounded, and needed to drain it."""
        return await self.run(ALTHOUGH_FULL, [name], verb, *rest)

    async def find(self, name: str) -> dict[str, Any] | None:
        """Return a document that was kept under this name."""
        [text] = await self.values([name])
        return readable(name, json.loads, text) if text else None

    async def keep(self, name: str, document: Mapping[str, Any], seconds: float) -> None:
        await self.do(("SET", name, dumped(document), "EX", max(1, int(seconds))))


def dumped(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document).encode("utf-8", "replace")


def _sendable(word: str | bytes | int) -> bytes | int:
    """Return it as Redis takes it: in what people typed there may be half a character."""
    return word.encode("utf-8", "replace") if isinstance(word, str) else word
