"""Who asks, and what they may."""

from dataclasses import dataclass

from aiohttp import web

from relay.config import Role

__all__ = ["WHO", "Role", "Who"]


@dataclass(frozen=True, slots=True)
class Who:
    """Somebody who was let in; `via` is how (link, password, oidc, token), `csrf` what their forms must carry."""

    name: str
    role: Role
    via: str
    csrf: str = ""


WHO = web.RequestKey("who", Who)
