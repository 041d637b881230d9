"""Links: templates of pages about a run, hosts that links may lead to, people who press buttons. Pure."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

# What a template may name, in the words of the Async Operations API.
PLACEHOLDERS = ("tenantId", "projectId", "operationId", "batchId", "type", "name", "status", "phase", "errorCode")
# One may stand before the domain, of two names or more, which itself stays as it is: no event says whose host a link
# leads to.
_PART_OF_HOST = "[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = rf"({_PART_OF_HOST}|\{{\w+\}}\.{_PART_OF_HOST}\.{_PART_OF_HOST})(\.{_PART_OF_HOST})*"
PORT = "(:(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3}))?"
TEMPLATE = rf"""https?://{_HOST}{PORT}([/?#][^\s<>"|\\`]*)?"""

HOST = "[a-z0-9.-]+"
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_RELATIVE = (".", "..")  # as a part of a path they lead elsewhere
ANY = "*"


@dataclass(frozen=True, slots=True)
class LinkTemplates:
    """Templates of the platform's pages, '' for none; `tenant` and `project` fill in for an event that names none.

    `console` is where browsers reach relay's console. Runs of the `foreign` platforms have other pages.
    """

    operation: str = ""
    batch: str = ""
    results: str = ""
    runbook: str = ""
    runs: str = ""
    tenant: str = ""
    project: str = ""
    console: str = ""
    foreign: frozenset[str] = frozenset()

    def of(self, platform: str, *, mapped: bool = False) -> "LinkTemplates":
        """Return those of a run: none but the console's for one of another platform, or that a format reads."""
        return LinkTemplates(console=self.console) if mapped or platform in self.foreign else self

    @property
    def hosts(self) -> tuple[str, ...]:
        """Return the hosts that they lead to, or whose subdomains."""
        templates = (self.operation, self.batch, self.results, self.runbook, self.runs)
        hosts = (urlsplit(_PLACEHOLDER.sub("", template)).hostname for template in templates)
        return tuple(dict.fromkeys(host.lstrip(".") for host in hosts if host))


NO_LINKS = LinkTemplates()


@dataclass(frozen=True, slots=True)
class LinkHosts:
    """The hosts that links in messages may lead to. Plain data, since it crosses to the renderer's process."""

    names: tuple[str, ...] = ()  # these, and what is below them; empty: any
    shown: bool = False  # a link's host is written beside its text, since none are configured

    @classmethod
    def of(cls, listed: Collection[str], base_url: str, templates: LinkTemplates) -> "LinkHosts":
        """Collect the listed hosts and those of the configured addresses; any where one is `*`."""
        if ANY in listed:
            return ANYWHERE
        return cls.named({*listed, *templates.hosts, urlsplit(base_url).hostname or ""} - {""})

    @classmethod
    def named(cls, names: Collection[str]) -> "LinkHosts":
        return cls(tuple(sorted(names)), shown=not names)

    def allows(self, host: str) -> bool:
        return not self.names or is_below(host, self.names)


def is_below(host: str, names: Collection[str]) -> bool:
    """Return whether it is one of these hosts, or below one."""
    return any(name in (ANY, host) or host.endswith(f".{name}") for name in names)


def leads_to(url: str, names: Collection[str]) -> bool:
    """Return whether the address is of one of these hosts, or below one."""
    try:
        return is_below(urlsplit(url).hostname or "", names)
    except ValueError:
        return False


ANYWHERE = LinkHosts()


def placeholders(template: str) -> list[str]:
    """List the names in braces, in their order."""
    return _PLACEHOLDER.findall(template)


def balanced(template: str) -> bool:
    """Return whether each brace has its other half."""
    return not re.search("[{}]", _PLACEHOLDER.sub("", template))


def fill(template: str, values: Mapping[str, str]) -> str:
    """Fill in the template; '' without one, or without a value for one of its placeholders."""
    first, *rest = _PLACEHOLDER.split(template)
    filled = [first]
    for name, text in zip(rest[::2], rest[1::2], strict=True):
        value = encode(values.get(name, ""))
        if not value:
            return ""
        filled += (value, text)
    return "".join(filled)


def encode(value: str) -> str:
    """Encode a part of an address; '' for one that leads elsewhere."""
    return "" if value in _RELATIVE else quote(value.encode("utf-8", "replace"), safe="")


def is_api(url: str) -> bool:
    """Return whether it is a program's address: one part of the path is `api`, as in the API's own addresses."""
    try:
        path = urlsplit(url).path
    except ValueError:
        return False
    return "api" in unquote(path).lower().split("/")


@dataclass(frozen=True, slots=True)
class Presser:
    """Ids of the person, the workspace and the app, as signed."""

    user: str
    teams: frozenset[str] = frozenset()  # the workspaces, or the organisation, that the press names
    app: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """Person who may press. `name` is for people to read, and decides nothing."""

    id: str
    name: str
