"""What Slack says of its people and groups, for decisions: an answer of its own, or a SlackError, and nothing between.

Remembered for minutes. A failure is remembered for a moment, as a failure: what was known before is believed no more.
"""

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from relay.channels.slack.errors import FailureKind, SlackError
from relay.domain.json_access import mapping

REMEMBERED_FOR = 300.0  # seconds: whoever leaves a group, or becomes a guest, soon may not
AGAIN_AFTER = 5.0  # seconds after a failure, unless Slack says when
REMEMBERED = 1_000  # answers

# What people write in a configuration, and Slack in its answers. Ids hold a figure, and so differ from words.
USER_ID = re.compile(r"(?=.*\d)[UW][A-Z0-9]{2,20}")
GROUP_ID = re.compile(r"(?=.*\d)S[A-Z0-9]{2,20}")
EMAIL = re.compile(r"[^@\s<>|]+@[^@\s<>|]+")

_NOBODY = frozenset({"users_not_found", "user_not_found", "user_not_visible", "no_such_subteam"})

Call = Callable[[str, Mapping[str, str]], Awaitable[Mapping[str, Any]]]
User = Mapping[str, Any]  # https://docs.slack.dev/reference/objects/user-object; empty if there is nobody


@dataclass(frozen=True, slots=True)
class Home:
    """Whose token it is."""

    team: str
    user: str  # '' if Slack does not say, as of the app
    app: str


@dataclass(frozen=True, slots=True)
class _Answer:
    value: Any
    until: float
    error: SlackError | None = None


class People:
    """Each look-up is made once for all who wait for it, and goes on when nobody does: the next to ask has it."""

    def __init__(self, call: Call, *, clock: Callable[[], float]) -> None:
        self._call = call
        self._clock = clock
        self._answers: dict[str, _Answer] = {}
        self._lookups: dict[str, asyncio.Task[_Answer]] = {}

    async def home(self) -> Home:
        home: Home = await self._remembered("auth.test", self._home)
        return home

    async def user(self, id_: str) -> User:
        user: User = await self._remembered(f"users.info {id_}", partial(self._user, id_))
        return user

    async def owner(self, email: str) -> User:
        """Whose address it is: the workspace has verified that."""
        ask = partial(self._user_in, "users.lookupByEmail", {"email": email.casefold()})
        user: User = await self._remembered(f"users.lookupByEmail {email.casefold()}", ask)
        return user

    async def groups(self) -> Mapping[str, str]:
        """The ids of the user groups by their handles, in small letters."""
        groups: Mapping[str, str] = await self._remembered("usergroups.list", self._groups)
        return groups

    async def members(self, group: str) -> frozenset[str]:
        """The ids of those in the group (an id); nobody if there is no such group."""
        members: frozenset[str] = await self._remembered(
            f"usergroups.users.list {group}", partial(self._members, group)
        )
        return members

    async def aclose(self) -> None:
        lookups = list(self._lookups.values())
        for lookup in lookups:
            lookup.cancel()
        await asyncio.gather(*lookups, return_exceptions=True)

    async def _remembered(self, key: str, look_up: Callable[[], Awaitable[Any]]) -> Any:
        answer = self._answers.get(key)
        if answer is None or answer.until <= self._clock():
            if key not in self._lookups:
                self._lookups[key] = asyncio.create_task(self._remember(key, look_up))
            answer = await asyncio.shield(self._lookups[key])
        if answer.error:
            raise answer.error.with_traceback(None)
        return answer.value

    async def _remember(self, key: str, look_up: Callable[[], Awaitable[Any]]) -> _Answer:
        try:
            answer = _Answer(await look_up(), self._clock() + REMEMBERED_FOR)
        except SlackError as error:
            answer = _Answer(None, self._clock() + (error.retry_after or AGAIN_AFTER), error)
        finally:
            del self._lookups[key]
        if len(self._answers) >= REMEMBERED:
            self._answers.clear()
        self._answers[key] = answer
        return answer

    async def _home(self) -> Home:
        """The app is known by its bot alone. That may fail: the signature of a press speaks for the app as well."""
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
        """A handle is unique in its workspace; one that several have, for whatever reason, is nobody's."""
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
