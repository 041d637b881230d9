"""What a name means inside of a written function."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

GETTEXT = {"_": "gettext", "gettext": "gettext", "ngettext": "ngettext", "pgettext": "pgettext"}
HELPERS = ("link", "code", "pre", "range", "styled")


class NotDirect(Exception):
    """The template does something that is not written here; it is left to Jinja."""


@dataclass
class Scope:
    """What a name means in one function. Names of the message are read once, at the beginning of the function."""

    macros: Collection[str]  # of the same file
    modules: Mapping[str, Collection[str]]  # the macros of `say` and `parts`
    local: set[str] = field(default_factory=set)
    message: dict[str, None] = field(default_factory=dict)

    def read(self, name: str) -> str:
        if name in self.local:
            return f"l_{name}"
        if name in self.macros or name in self.modules or name in HELPERS or name in GETTEXT:
            raise NotDirect(f"{name} is called, and nothing else")
        self.message[name] = None
        return f"c_{name}"
