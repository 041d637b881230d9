"""Authorisation of presses by ids, e-mail addresses and user groups, never by names that people give themselves.

Without Slack's answer no one may press, which is raised as SlackError. Older answers count no more.
"""

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar, cast

import structlog

from relay.channels.slack.client import Call
from relay.channels.slack.directory import REMEMBERED_FOR, Cache
from relay.channels.slack.errors import FailureKind, SlackError
from relay.channels.slack.messages import EMAIL, GROUP_ID, USER_ID
from relay.domain.documents import first_text, mapping
from relay.domain.links import Person, Presser
from relay.log_lines import RateLimitedLog

log = structlog.get_logger(__name__)

EVERYONE = "everyone"  # every full member of the token's own workspace

# What a name under `actions` can be. Whether a handle is a group's, Slack alone knows.
_FORMS: Mapping[str, re.Pattern[str]] = {
    "everyone": re.compile(EVERYONE),
    "user": USER_ID,
    "group": GROUP_ID,
    "email": EMAIL,
    "handle": re.compile(r"@?(?!(?:here|channel|everyone)$)\w[\w.-]{0,79}", re.IGNORECASE),
}
# Any of these, and it is no full member.
_NEVER = ("deleted", "is_restricted", "is_ultra_restricted", "is_stranger", "is_bot", "is_workflow_bot",
          "is_connector_bot")  # fmt: skip
_SLACKBOT = "USLACKBOT"  # which does not say that it is one


def kind_of(name: str) -> str:
    """Return the kind of a name under `actions`: everyone, user, group, email or handle; '' if it is none."""
    return next((kind for kind, form in _FORMS.items() if form.fullmatch(name)), "")


def _of_kind(names: Iterable[str], *kinds: str) -> list[str]:
    return [name for name in names if kind_of(name) in kinds]


_NOBODY = frozenset({"users_not_found", "user_not_found", "user_not_visible", "no_such_subteam"})

Value = TypeVar("Value")
User = Mapping[str, Any]  # https://docs.slack.dev/reference/objects/user-object; empty if there is none


@dataclass(frozen=True, slots=True)
class Home:
    """Workspace, user and app of the token."""

    team: str
    user: str  # '' if Slack does not say, as of the app
    app: str


def _remembered(look_up: Callable[..., Awaitable[Value]]) -> Callable[..., Awaitable[Value]]:
    """Ask once for all who ask the same; without an answer raise the SlackError."""

    @wraps(look_up)
    async def ask(self: "Authority", *about: str) -> Value:
        async def for_minutes() -> tuple[Value, float]:
            return await look_up(self, *about), REMEMBERED_FOR

        answer = await self._cache.get(" ".join((look_up.__name__, *about)), for_minutes)
        assert answer is not None  # noqa: S101 - it was waited for
        if answer.error:
            raise answer.error.with_traceback(None)
        return cast("Value", answer.value)

    return ask


class Authority:
    """Authorisation by look-ups: Slack's answer is remembered for minutes, a SlackError for seconds."""

    def __init__(self, call: Call, *, clock: Callable[[], float]) -> None:
        self._call, self._cache = call, Cache(clock)
        self.aclose = self._cache.aclose
        self._lines = RateLimitedLog(clock, REMEMBERED_FOR)  # as often as Slack is asked for its groups

    @_remembered
    async def home(self) -> Home:
        """Look up the token's app, by its bot. That may fail: the signature of a press proves the app as well."""
        answer = await self._call("auth.test", {})
        team, user, bot = (first_text(answer.get(key)) for key in ("team_id", "user_id", "bot_id"))
        if not team:
            raise _odd("auth.test", "team_id")
        with contextlib.suppress(SlackError):
            about = await self._call("bots.info", {"bot": bot}) if bot else {}
            return Home(team, user, first_text(mapping(about.get("bot")).get("app_id")))
        return Home(team, user, "")

    @_remembered
    async def user(self, id_: str) -> User:
        user = await self._user_in("users.info", {"user": id_})
        if user and user["id"] != id_:
            raise _odd("users.info", "the user that was asked about")
        return user

    @_remembered
    async def owner(self, email: str) -> User:
        """Return the owner of the address, in small letters, as the workspace has verified."""
        return await self._user_in("users.lookupByEmail", {"email": email})

    @_remembered
    async def groups(self) -> Mapping[str, str]:
        """Return the groups' ids by their handles, in small letters; a handle that several have counts for none."""
        by_handle: dict[str, set[str]] = {}
        for group in map(mapping, await self._listed("usergroups.list", {}, "usergroups")):
            handle, id_ = first_text(group.get("handle")).casefold(), first_text(group.get("id"))
            if handle and id_ and not group.get("date_delete"):
                by_handle.setdefault(handle, set()).add(id_)
        return {handle: ids.pop() for handle, ids in by_handle.items() if len(ids) == 1}

    @_remembered
    async def members(self, group: str) -> frozenset[str]:
        """Return the ids of the group's members; none if there is no such group."""
        try:
            listed = await self._listed("usergroups.users.list", {"usergroup": group}, "users")
        except SlackError as error:
            if error.code in _NOBODY:
                return frozenset()
            raise
        return frozenset(map(first_text, listed))

    async def _user_in(self, method: str, arguments: Mapping[str, str]) -> User:
        try:
            user = mapping((await self._call(method, arguments)).get("user"))
        except SlackError as error:
            if error.code in _NOBODY:
                return {}
            raise
        if not first_text(user.get("id")):
            raise _odd(method, "user.id")
        return user

    async def _listed(self, method: str, arguments: Mapping[str, str], key: str) -> list[Any]:
        listed = (await self._call(method, arguments)).get(key)
        if not isinstance(listed, list):
            raise _odd(method, key)
        return listed

    async def find(self, presser: Presser, names: Iterable[str]) -> Person | None:
        """Return the person, if they are among these names; None if not. SlackError if Slack does not say.

        A press may not wait as long as Slack takes: what was asked by then is answered to the next one (`Cache`).
        """
        allowed = tuple(name.strip() for name in names)
        if not presser.user or not allowed:
            return None
        # Groups first: without them it is not known who may, and no person is looked up.
        home, groups = await asyncio.gather(self.home(), self._named_groups(allowed))
        if len(groups) < len(_of_kind(allowed, "group", "handle")):
            fields = {"names": list(allowed), "ask": "relay check --live"}
            self._lines.warning(log, "action.names_no_group", " ".join(allowed), **fields)
        members = await asyncio.gather(*map(self.members, groups))
        user = await self.user(presser.user)
        if not _is_full_member(user, presser, home):
            return None
        person = Person(presser.user, _name(user))
        if EVERYONE in allowed or presser.user in allowed or any(presser.user in group for group in members):
            return person
        owners = await asyncio.gather(*(self.owner(name.casefold()) for name in _of_kind(allowed, "email")))
        return person if any(owner.get("id") == presser.user for owner in owners) else None

    async def unknown_names(self, names: Iterable[str]) -> list[str]:
        """List the names that Slack does not know. SlackError if it does not say."""
        if user := (await self.home()).user:  # as for a press: a scope that this takes is missed here
            await self.user(user)
        return [name for name in names if not await self._exists(name.strip())]

    async def _exists(self, name: str) -> bool:
        match kind_of(name):
            case "user":
                return bool(await self.user(name))
            case "email":
                return bool(await self.owner(name.casefold()))
            case "everyone":
                return True
        return any([await self.members(group) for group in await self._named_groups([name])])

    async def _named_groups(self, names: Sequence[str]) -> list[str]:
        """Return the ids of the named groups that exist."""
        handles = [name.removeprefix("@").casefold() for name in _of_kind(names, "handle")]
        by_handle = await self.groups() if handles else {}
        return _of_kind(names, "group") + [by_handle[handle] for handle in handles if handle in by_handle]


def _odd(method: str, expected: str) -> SlackError:
    return SlackError(f"Slack's answer to {method} lacks {expected}", method, FailureKind.UNSENT)


def _is_full_member(user: User, presser: Presser, home: Home) -> bool:
    """Return whether it is a full member of the token's workspace or organisation, who pressed a button of this app."""
    if not user or user["id"] == _SLACKBOT or any(user.get(flag) for flag in _NEVER):
        return False
    several = mapping(user.get("enterprise_user"))
    teams = several.get("teams")
    homes = {first_text(user.get("team_id")), first_text(several.get("enterprise_id"))}
    homes |= {first_text(team) for team in teams} if isinstance(teams, list) else set()
    return home.team in homes and presser.teams <= homes and presser.app in ("", home.app or presser.app)


def _name(user: User) -> str:
    """Return the person's name for people, in one line."""
    names = (user.get("real_name"), mapping(user.get("profile")).get("real_name"), user.get("name"))
    return " ".join(next(filter(None, map(first_text, names)), "").split())[:80]
