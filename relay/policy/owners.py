"""Owners of jobs by the configuration: who is mentioned, who gets mails, and who may press buttons. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Annotated

from pydantic import Field

from relay.configfile.validation import Section, Texts
from relay.domain.events import Event
from relay.policy.matching import KINDS, wildcards

_ADDRESS = re.compile(r"[^@\s<>|,;]{1,64}@[^@\s<>|,;]{1,189}")
_IN_SLACK = re.compile(
    r"(?=.*\d)[UWS][A-Z0-9]{2,20}|@(?!(here|channel|everyone)$)\w[\w.-]{0,79}"
)  # a member or a group
MARK = 12  # hexadecimal digits

Some = Annotated[Texts, Field(min_length=1)]


class Ownership(Section):
    """Jobs, and the people who own them."""

    jobs: Some = ("*",)  # their names, `*` for any part
    operation_types: Texts = ()  # none: any
    people: Some  # logins of `people`, e-mail addresses, Slack's ids, user groups

    @property
    def mark(self) -> str:
        """Return a few signs that depend on the jobs alone."""
        return sha256(repr((self.jobs, self.operation_types)).encode("utf-8", "replace")).hexdigest()[:MARK]


@dataclass(frozen=True, slots=True)
class Owners:
    """Owners of some jobs: names as `mention` and `actions` take them, and addresses for mails."""

    mark: str
    names: tuple[str, ...]
    emails: tuple[str, ...]


def is_email(name: str) -> bool:
    return _ADDRESS.fullmatch(name) is not None


def is_reachable(name: str) -> bool:
    """Return whether a name that is no login is an e-mail address, or one that Slack knows."""
    return is_email(name) or _IN_SLACK.fullmatch(name) is not None


class OwnerTable:
    """The owners of one configuration. `contacts` by login, in small letters: a name and an e-mail address, or ''."""

    def __init__(self, owned: Sequence[Ownership], contacts: Mapping[str, tuple[str, str]]) -> None:
        self._rows = [
            (wildcards(its.jobs), wildcards(its.operation_types), bool(its.operation_types), _owners(its, contacts))
            for its in owned
        ]
        self.by_mark = {owners.mark: owners for *_, owners in reversed(self._rows)}  # the first of several counts
        self.names = frozenset(name for *_, owners in self._rows for name in owners.names)
        self._first = lru_cache(KINDS)(self._find)

    def of(self, event: Event) -> Owners | None:
        """Return the owners of the event's run, or of its batch: the first whose jobs it fits."""
        if run := event.operation:
            return self._first(run.name.casefold(), (event.job or "").casefold(), run.type.casefold())
        return self._first(event.batch.name.casefold(), "", "") if event.batch else None

    def _find(self, name: str, job: str, type_: str) -> Owners | None:
        for jobs, types, typed, owners in self._rows:
            fits = jobs.fullmatch(name) or (job and jobs.fullmatch(job))
            if fits and (not typed or types.fullmatch(type_)):
                return owners
        return None


def _owners(owned: Ownership, contacts: Mapping[str, tuple[str, str]]) -> Owners:
    people = [contacts.get(name.casefold(), (name, name if is_email(name) else "")) for name in owned.people]
    names, emails = zip(*people, strict=True)
    return Owners(owned.mark, tuple(dict.fromkeys(names)), tuple(dict.fromkeys(filter(None, emails))))
