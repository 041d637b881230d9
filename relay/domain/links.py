"""Addresses where people look at a run: templates with placeholders, filled in from what is known of it. Pure."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, unquote, urlsplit

# What a template may name, in the words of the Async Operations API.
PLACEHOLDERS = ("tenantId", "projectId", "operationId", "batchId", "type", "name", "status", "phase", "errorCode")
# One may stand before the domain, of two names or more, which itself stays as it is: no event says whose host a link
# leads to.
_PART_OF_HOST = "[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = rf"({_PART_OF_HOST}|\{{\w+\}}\.{_PART_OF_HOST}\.{_PART_OF_HOST})(\.{_PART_OF_HOST})*"
PORT = "(:(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3}))?"
TEMPLATE = rf"""https?://{_HOST}{PORT}([/?#][^\s<>"|\\`]*)?"""

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_RELATIVE = (".", "..")  # as a part of a path they lead elsewhere


@dataclass(frozen=True, slots=True)
class LinkTemplates:
    """Where people look at each of these, '' for nowhere; `tenant` and `project` hold where an event names none."""

    operation: str = ""
    batch: str = ""
    results: str = ""
    runbook: str = ""
    runs: str = ""
    tenant: str = ""
    project: str = ""

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts that they lead to, or to what is below them."""
        templates = (self.operation, self.batch, self.results, self.runbook, self.runs)
        hosts = (urlsplit(_PLACEHOLDER.sub("", template)).hostname for template in templates)
        return tuple(dict.fromkeys(host.lstrip(".") for host in hosts if host))


NO_LINKS = LinkTemplates()


@dataclass(frozen=True, slots=True)
class LinkHosts:
    """The hosts that links in messages may lead to. Plain data, since it crosses to the renderer's process."""

    names: tuple[str, ...] = ()  # these, and what is below them; empty: any
    shown: bool = False  # a link's host stands beside its text, since nobody said which ones are right

    @classmethod
    def of(cls, listed: Collection[str], base_url: str, templates: LinkTemplates) -> "LinkHosts":
        """Those that are listed, and those of the configuration's own addresses; any where one is `*`."""
        if ANY in listed:
            return ANYWHERE
        own = urlsplit(base_url).hostname
        names = {*listed, *templates.hosts, *([own] if own else [])}
        return cls(tuple(sorted(names)), shown=not names)

    def allows(self, host: str) -> bool:
        return not self.names or any(host == name or host.endswith(f".{name}") for name in self.names)


ANY = "*"
ANYWHERE = LinkHosts()


def placeholders(template: str) -> list[str]:
    """The names in braces, in their order, whatever they are."""
    return _PLACEHOLDER.findall(template)


def balanced(template: str) -> bool:
    """Whether each brace has its other half."""
    return not re.search("[{}]", _PLACEHOLDER.sub("", template))


def fill(template: str, values: Mapping[str, str]) -> str:
    """The address; '' if there is no template, or no value for one of its placeholders."""
    parts = _parts(template)
    filled = [parts[0]]
    for name, text in parts[1:]:
        value = values.get(name, "")
        if not value or value in _RELATIVE:
            return ""
        filled += (quote(value.encode("utf-8", "replace"), safe=""), text)
    return "".join(filled)


@lru_cache(32)
def _parts(template: str) -> tuple[str, *tuple[tuple[str, str], ...]]:
    """The text up to the first placeholder, then each placeholder with the text after it."""
    first, *rest = _PLACEHOLDER.split(template)
    return (first, *zip(rest[::2], rest[1::2], strict=True))


@lru_cache(256)  # a run's stands in all of its messages
def is_api(url: str) -> bool:
    """Whether a program reads there, and not a person: one part of the path is `api`, as in the API's own addresses."""
    try:
        path = urlsplit(url).path
    except ValueError:
        return False
    return "api" in unquote(path).lower().split("/")
