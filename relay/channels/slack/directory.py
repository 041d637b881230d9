"""Directory of names for mentions, and of the workspace's address. Grants no rights (relay.channels.slack.authority).

Only an id mentions a person (https://docs.slack.dev/messaging/formatting-message-text). A name that cannot be found, or
not soon enough, is written as it is: a message is never late or lost for the sake of a mention.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from relay.channels.slack.client import Call, pages
from relay.channels.slack.errors import SlackError
from relay.channels.slack.messages import EMAIL, GROUP_ID, USER_ID, by_id
from relay.domain.deliveries import PERSON
from relay.domain.display import escape_mrkdwn
from relay.domain.documents import mapping, rows

log = structlog.get_logger(__name__)

REMEMBERED_FOR = 300.0  # seconds: people who leave a group, or become guests, soon may not
AGAIN_AFTER = 5.0  # seconds after a failure, unless Slack says when
REMEMBERED = 1_000  # answers
KNOWN_FOR = 3600.0
UNKNOWN_FOR = 24 * 3600.0  # an address that no one in the workspace has
UNANSWERED_FOR = 300.0  # a look-up that failed
PAGE = 1_000
PAGES = 20  # Slack allows about 20 such calls a minute


Names = Mapping[str, str]  # what people write, in small letters → what Slack reads

_URL = re.compile(r"https?://[^\s<>|]+/")


@dataclass(frozen=True, slots=True)
class Answer:
    value: Any
    until: float
    error: SlackError | None = None


class Cache:
    """Answers of look-ups, each made once for all who wait for it, and finished also when no one does."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._answers: dict[str, Answer] = {}
        self._lookups: dict[str, asyncio.Task[Answer]] = {}

    async def get(
        self, key: str, look_up: Callable[[], Awaitable[tuple[Any, float]]], patience: float | None = None
    ) -> Answer | None:
        """Return the answer; after `patience` seconds the last one, or None. `look_up` gives a value and seconds."""
        answer = self._answers.get(key)
        if answer and answer.until > self._clock():
            return answer
        lookup = self._lookups.get(key)
        if lookup is None:
            lookup = self._lookups[key] = asyncio.create_task(self._refresh(key, look_up))
        done, _ = await asyncio.wait({lookup}, timeout=patience)
        return lookup.result() if done else answer

    def last(self, key: str) -> Any:
        return self._answers[key].value if key in self._answers else None

    async def aclose(self) -> None:
        lookups = list(self._lookups.values())
        for lookup in lookups:
            lookup.cancel()
        await asyncio.gather(*lookups, return_exceptions=True)

    async def _refresh(self, key: str, look_up: Callable[[], Awaitable[tuple[Any, float]]]) -> Answer:
        try:
            value, seconds = await look_up()
            answer = Answer(value, self._clock() + seconds)
        except SlackError as error:
            answer = Answer(None, self._clock() + (error.retry_after or AGAIN_AFTER), error)
        finally:
            del self._lookups[key]
        if len(self._answers) >= REMEMBERED:
            self._answers.clear()
        self._answers[key] = answer
        return answer


class Directory:
    """Look-ups of names, remembered, and finished also when the message no longer waits."""

    def __init__(self, call: Call, *, clock: Callable[[], float], patience: float) -> None:
        self._call = call
        self._patience = patience  # seconds a message waits
        self._cache = Cache(clock)
        self.aclose = self._cache.aclose

    async def mentions(self, names: Iterable[str]) -> str:
        """Write the mentions that precede a message, each once, in their order."""
        mentions = await asyncio.gather(*(self._find(name.strip()) for name in names))
        return " ".join(dict.fromkeys(filter(None, mentions)))

    async def home(self) -> str:
        """Return the workspace's address, which its permalinks begin with; empty while unknown."""
        return (await self._names("auth.test", self._workspace)).get("url", "")

    async def _find(self, raw: str) -> str:
        if mention := by_id(raw):
            return mention
        if person := raw.startswith(PERSON):
            raw = raw.removeprefix(PERSON)
        name = raw.removeprefix("@").casefold()
        if EMAIL.fullmatch(name):
            lookups = [self._names(f"users.lookupByEmail {name}", lambda: self._by_email(name))]
        else:
            groups = [] if person else [self._names("usergroups.list", self._groups)]
            lookups = [*groups, self._names("users.list", self._users)]
        for names in await asyncio.gather(*lookups):
            if name in names:
                return names[name]
        log.warning("mention.unresolved", name=raw)
        return escape_mrkdwn(raw)

    async def _names(self, key: str, look_up: Callable[[], Awaitable[tuple[Names, float]]]) -> Names:
        async def or_last() -> tuple[Names, float]:
            try:
                return await look_up()
            except SlackError as error:
                log.warning("mention.lookup_failed", error=str(error))
                return self._cache.last(key) or {}, UNANSWERED_FOR

        answer = await self._cache.get(key, or_last, self._patience)
        return answer.value if answer else {}

    async def _workspace(self) -> tuple[Names, float]:
        url = (await self._call("auth.test", {})).get("url")
        return {"url": url} if isinstance(url, str) and _URL.fullmatch(url) else {}, KNOWN_FOR

    async def _by_email(self, email: str) -> tuple[Names, float]:
        try:
            answer = await self._call("users.lookupByEmail", {"email": email})
        except SlackError as error:
            if error.code == "users_not_found":
                return {}, UNKNOWN_FOR
            raise
        user = answer.get("user")
        return _named([(email, user)], USER_ID, "<@{}>"), KNOWN_FOR

    async def _groups(self) -> tuple[Names, float]:
        groups = rows((await self._call("usergroups.list", {})).get("usergroups"))
        return _named([(group.get("handle"), group) for group in groups], GROUP_ID, "<!subteam^{}>"), KNOWN_FOR

    async def _users(self) -> tuple[Names, float]:
        """Look up people by user name, which is unique, and by display name where only one person has it."""
        members: list[Mapping[str, Any]] = []
        async for answer, _ in pages(self._call, "users.list", {"limit": str(PAGE)}, PAGES):
            members += [user for user in rows(answer.get("members")) if not user.get("deleted")]
        displayed = _named(
            [(mapping(user.get("profile")).get("display_name"), user) for user in members], USER_ID, "<@{}>"
        )
        return {**displayed, **_named([(user.get("name"), user) for user in members], USER_ID, "<@{}>")}, KNOWN_FOR


def _named(pairs: Sequence[tuple[object, object]], ids: re.Pattern[str], form: str) -> dict[str, str]:
    """Map names to their mentions; a name that several have counts for none."""
    owners_by_name: dict[str, set[str]] = {}
    for name, owner in pairs:
        id_ = mapping(owner).get("id")
        if isinstance(name, str) and name and isinstance(id_, str) and ids.fullmatch(id_):
            owners_by_name.setdefault(name.casefold(), set()).add(form.format(id_))
    return {name: owners.pop() for name, owners in owners_by_name.items() if len(owners) == 1}
