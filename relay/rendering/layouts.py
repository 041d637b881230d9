"""Layouts of mails: their styles are put into the elements, since most mail programs read them nowhere else.

A layout of the user's own is styled mail by mail. relay's is styled once, as the source that it is, which saves a fifth
of a mail's time: its tags are comments to the inliner. A class that depends on a status gets its style from a table.
"""

import re
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from relay.errors import TemplateError

if TYPE_CHECKING:
    from css_inline import CSSInliner

MAX_STYLED = 2_000_000  # rules times tags: the inliner compares each with each, in 30 ms

Fill = Callable[[Any], str]

_NOTE = re.compile(r"\{#.*?#\}\n?", re.DOTALL)
_CLASS = re.compile(r"(?<=\.)[\w-]+(?=\s*(?:,|$))")
_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
_TONED = re.compile(r'<[a-z]+\b[^<>]*?\bclass="[^"]*?(?P<prefix>[\w-]*)\{\{(?P<tone>[^{}]*)\}\}"[^<>]*>')


@cache
def _inliner() -> "CSSInliner":
    from css_inline import CSSInliner  # noqa: PLC0415 - relays that send no mail do without its 1.5 MB

    return CSSInliner(load_remote_stylesheets=False)


def styled(fill: Fill, name: str) -> Fill:
    """Put the styles of each page into its elements."""

    def fill_styled(values: Any) -> str:
        page = fill(values)
        if page.count("{") * page.count("<") > MAX_STYLED:
            raise TemplateError(f"{name}: there are too many elements for so many styles")
        return _inliner().inline(page)

    return fill_styled


@cache
def styled_source(source: str) -> str:
    """Put the styles of a layout into its elements. Without its tags it has to be HTML as well."""
    sheet = source.rpartition("<style>")[2].partition("</style>")[0]
    styles = {
        name: "".join(f"{part.strip()};" for part in rule.split(";") if part.strip())
        for selectors, rule in _RULE.findall(sheet)
        for name in _CLASS.findall(selectors)
    }

    def toned(tag: re.Match[str]) -> str:
        style = f"{{{{ styles['{tag['prefix']}' ~ ({tag['tone']})] }}}}"
        if ' style="' in tag[0]:
            return re.sub(r' style="[^"]*', lambda before: before[0] + style, tag[0])
        return f'{tag[0][:-1]} style="{style}">'

    page = _NOTE.sub("", source).strip().replace("{%", "<!--{%").replace("%}", "%}-->")
    page = _inliner().inline(page).replace("<!--{%", "{%").replace("%}-->", "%}")
    return f"{{% set styles = {styles!r} %}}\n{_TONED.sub(toned, page)}"
