"""What a login is worth now, by the configuration as it is now: who was taken out of it is out at once. Pure."""

from collections.abc import Callable, Collection, Iterable, Mapping
from hashlib import blake2b

from relay.config import OPERATOR, ROLES, VIEWER, Console, Oidc, Role
from relay.config.console import EVERYBODY
from relay.store.sessions import Session

MOST_GROUPS = 200  # of a session, which is read at each request
LONGEST_GROUP = 200  # characters


def role_of(console: Console, session: Session) -> Role | None:
    """The role of whoever has this session; None: they may not in any more."""
    judge = JUDGES.get(session.via)
    return judge(console, session) if judge else None


def role_of_groups(oidc: Oidc, groups: Collection[str]) -> Role | None:
    if {*oidc.operators} & {*groups}:
        return OPERATOR
    return VIEWER if EVERYBODY in oidc.viewers or {*oidc.viewers} & {*groups} else None


def groups_of_use(oidc: Oidc, groups: Iterable[str]) -> list[str]:
    """Which of them a session remembers: those that the configuration names, and some that it may name later."""
    named = {*oidc.operators, *oidc.viewers}
    kept = dict.fromkeys(group for group in groups if group in named or len(group) <= LONGEST_GROUP)
    return sorted(kept, key=lambda group: group not in named)[: max(MOST_GROUPS, len(named))]


def mark_of(*made_by: str) -> str:
    """What tells one password, or one provider, from the next; nothing follows from it."""
    return blake2b("\0".join(made_by).encode("utf-8", "replace"), digest_size=12, person=b"relay login").hexdigest()


def mark_of_provider(oidc: Oidc) -> str:
    return mark_of(oidc.issuer, oidc.client_id)


def _of_password(console: Console, session: Session) -> Role | None:
    user = console.users.get(session.name)
    same = user and session.mark == mark_of(user.password.get_secret_value())
    return user.role if user and same else None


def _of_provider(console: Console, session: Session) -> Role | None:
    oidc = console.oidc
    return role_of_groups(oidc, session.groups) if oidc and session.mark == mark_of_provider(oidc) else None


def _of_link(_console: Console, session: Session) -> Role | None:
    return next((role for role in ROLES if role == session.role), None)


PASSWORD, OIDC, LINK, TOKEN = "password", "oidc", "link", "token"
JUDGES: Mapping[str, Callable[[Console, Session], Role | None]] = {
    PASSWORD: _of_password,
    OIDC: _of_provider,
    LINK: _of_link,
}
