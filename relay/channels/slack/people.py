"""Slack's people and groups, for decisions: Slack's answer or a SlackError, and nothing between.

Answers are remembered for minutes, a failure for seconds: older answers count no more.
"""

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from relay.channels.slack.client import Call
from relay.channels.slack.errors import FailureKind, SlackError
from relay.domain.documents import mapping

REMEMBERED_FOR = 300.0  # seconds: people who leave a group, or become guests, soon may not
AGAIN_AFTER = 5.0  # seconds after a failure, unless Slack says when
REMEMBERED = 1_000  # answers

# What people write in a configuration, and Slack in its answers. Ids hold a figure, and so differ from words.
USER_ID = re.compile(r"(?=.*\d)[UW][A-Z0-9]{2,20}")
GROUP_ID = re.compile(r"(?=.*\d)S[A-Z0-9]{2,20}")
EMAIL = re.compile(r"[^@\s<>|]+@[^@\s<>|]+")

_NOBODY = frozenset({"users_not_found", "user_not_found", "user_not_visible", "no_such_subteam"})

User = Mapping[str, Any]  # https://docs.slack.dev/reference/objects/user-object; empty if there is none


@dataclass(frozen=True, slots=True)
class Home:
    """Workspace, user and app of the token."""

    team: str
    user: str  # '' if Slack does not say, as of the app
    app: str


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


class People:
    """Look-ups whose answers are remembered for minutes."""

    def __init__(self, call: Call, *, clock: Callable[[], float]) -> None:
        self._call = call
        self._cache = Cache(clock)
        self.aclose = self._cache.aclose

    async def home(self) -> Home:
        home: Home = await self._remembered("auth.test", self._home)
        return home

    async def user(self, id_: str) -> User:
        user: User = await self._remembered(f"users.info {id_}", partial(self._user, id_))
        return user

    async def owner(self, email: str) -> User:
        """Return the owner of the address, as the workspace has verified."""
        ask = partial(self._user_in, "users.lookupByEmail", {"email": email.casefold()})
        user: User = await self._remembered(f"users.lookupByEmail {email.casefold()}", ask)
        return user

    async def groups(self) -> Mapping[str, str]:
        """Return the ids of the user groups by their handles, in small letters."""
        groups: Mapping[str, str] = await self._remembered("usergroups.list", self._groups)
        return groups

    async def members(self, group: str) -> frozenset[str]:
        """Return the ids of the group's members; none if there is no such group."""
        members: frozenset[str] = await self._remembered(
            f"usergroups.users.list {group}", partial(self._members, group)
        )
        return members

    async def _remembered(self, key: str, look_up: Callable[[], Awaitable[Any]]) -> Any:
        async def for_minutes() -> tuple[Any, float]:
            return await look_up(), REMEMBERED_FOR

        answer = await self._cache.get(key, for_minutes)
        assert answer is not None  # noqa: S101 - it was waited for
        if answer.error:
            raise answer.error.with_traceback(None)
        return answer.value

    async def _home(self) -> Home:
        """Look up the token's app, by its bot. That may fail: the signature of a press proves the app as well."""
        answer = await self._call("auth.test", {})
        team, user, bot = (text(answer.get(key)) for key in ("team_id", "user_id", "bot_id"))
        if not team:
            raise _odd("auth.test", "team_id")
        app = ""
        if bot:
            with contextlib.suppress(SlackError):
                app = text(mapping((await self._call("bots.info", {"bot": bot})).get("bot")).get("app_id"))
        return Home(team, user, app)

    async def _user(self, id_: str) -> User:
        user = await self._user_in("users.info", {"user": id_})
        if user and user["id"] != id_:
            raise _odd("users.info", "the user that was asked about")
        return user

    async def _user_in(self, method: str, arguments: Mapping[str, str]) -> User:
        try:
            user = mapping((await self._call(method, arguments)).get("user"))
        except SlackError as error:
            if error.code in _NOBODY:
                return {}
            raise
        if not text(user.get("id")):
            raise _odd(method, "user.id")
        return user

    async def _groups(self) -> Mapping[str, str]:
        """Look up the groups. A handle is unique in its workspace; one that several have counts for none."""
        by_handle: dict[str, set[str]] = {}
        for group in map(mapping, await self._listed("usergroups.list", {}, "usergroups")):
            handle, id_ = text(group.get("handle")).casefold(), text(group.get("id"))
            if handle and id_ and not group.get("date_delete"):
                by_handle.setdefault(handle, set()).add(id_)
        return {handle: ids.pop() for handle, ids in by_handle.items() if len(ids) == 1}

    async def _members(self, group: str) -> frozenset[str]:
        try:
            return frozenset(map(text, await self._listed("usergroups.users.list", {"usergroup": group}, "users")))
        except SlackError as error:
            if error.code in _NOBODY:
                return frozenset()
            raise

    async def _listed(self, method: str, arguments: Mapping[str, str], key: str) -> list[Any]:
        listed = (await self._call(method, arguments)).get(key)
        if not isinstance(listed, list):
            raise _odd(method, key)
        return listed


def _odd(method: str, expected: str) -> SlackError:
    return SlackError(f"Slack's answer to {method} lacks {expected}", method, FailureKind.UNSENT)


def text(value: object) -> str:
    return value if isinstance(value, str) else ""
