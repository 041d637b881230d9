"""Rate limits of the messages to an address. Pure."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Limit:
    """At most one call per `period` seconds under this name, a burst of `burst` calls, `reserve` of them urgent.

    `shared`: more than one address of the channel is under it.
    """

    name: str
    period: float
    burst: int = 1
    reserve: int = 0
    shared: bool = False


@dataclass(frozen=True, slots=True)
class RequestLimit:
    """At most `count` messages to a reader in `per` seconds; one lists the rest at their end."""

    reader: str  # for all of the reader's addresses together
    count: int
    per: float


@dataclass(frozen=True, slots=True)
class Limits:
    """Rate limits of the messages to one address."""

    new: tuple[Limit, ...] = ()  # each new message
    edit: tuple[Limit, ...] = ()  # each edit of one
    new_message_cap: tuple[int, float] | None = None  # so many new live messages in so many seconds; one lists the rest
    requested: RequestLimit | None = None  # of what operations ask for themselves
    own_host: str = ""  # the host, where the address has a credential of its own: the channel's failures do not count
    together: bool = False  # all addresses of the channel are in one place of the store, for they share a limit

    @classmethod
    def of(cls, new: tuple[Limit, ...], edit: tuple[Limit, ...], **more: Any) -> "Limits":
        """Collect the limits that a channel names for an address."""
        return cls(new, edit, together=any(limit.shared for limit in (*new, *edit)), **more)


NO_LIMITS = Limits()
