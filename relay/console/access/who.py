"""Who asks, and what they may."""

from dataclasses import dataclass
from typing import Literal

from aiohttp import web

Role = Literal["viewer", "operator"]


@dataclass(frozen=True, slots=True)
class Who:
    """Somebody who was let in; `via` is how (link, password, oidc, token), `csrf` what their forms must carry."""

    name: str
    role: Role
    via: str
    csrf: str = ""


WHO = web.RequestKey("who", Who)
