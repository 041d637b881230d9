"""Who asks, and what they may."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from relay.config import Role

__all__ = ["STANDING", "WHO", "Role", "Standing", "Who"]


@dataclass(frozen=True, slots=True)
class Who:
    """Somebody who was let in; `via` is how (link, password, oidc, token, command), `csrf` what their forms must carry.

    run_as  the system's user who runs a command in the name of somebody else
    """

    name: str
    role: Role
    via: str
    csrf: str = ""
    run_as: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """`holds` says whether who was let in still may be there: for an answer that goes on. Raises StoreUnavailable."""

    holds: Callable[[], Awaitable[bool]]


WHO = web.RequestKey("who", Who)
STANDING = web.RequestKey("standing", Standing)
