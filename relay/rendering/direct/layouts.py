"""A mail's styles put into the elements of its layout once, instead of into those of every mail (0.27 ms each).

The layout is given to the inliner with a word or a comment in place of each Jinja tag, and gets its tags back. Where
an element's class depends on a status, it is inlined once for every tone, and the mail takes the start tag of its tone.
The inliner reads HTML and writes it anew, so what a mail fills in is escaped as it would write that
(`runtime.escape_html`).

A layout must be HTML without its Jinja tags as well: macros may stand anywhere, but a `<tbody>` around a loop of rows
has to be written.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from relay.rendering.direct.names import NotDirect
from relay.rendering.filters import SIGNS, tone

TONES = (*map(tone, SIGNS), tone(""), "plain")

_TAG = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{-?(?P<value>.*?)-?\}\}", re.DOTALL)
_MACRO = re.compile(r"\{% macro .*?\{% endmacro %\}\n", re.DOTALL)
_MARK = re.compile(r"(?:<!--)?jinja(\d+)z(?:-->)?")
_CLASS = re.compile(r'class="[^"]*\Z')
_START_TAG = re.compile(r"(<[a-z][^<>]*>)")


class Styled(NamedTuple):
    """The layout's source, and the parts of start tags that `styled(number, tone)` in it stands for."""

    source: str
    parts: list[dict[str, str]]


def inlined(source: str, inline: Callable[[str], str]) -> Styled:
    """The layout with the styles in its elements. NotDirect if it cannot be inlined in this way."""
    macros = "".join(_MACRO.findall(source))
    source = (
        _MACRO.sub("", source).rstrip().replace("</body>", f"{macros}</body>")
    )  # there they are HTML inside of a body
    tags: list[re.Match[str]] = list(_TAG.finditer(source))
    pages = [_START_TAG.split(inline(_marked(source, tags, name))) for name in TONES]
    if len({len(pieces) for pieces in pages}) > 1:
        raise NotDirect("the layout has other elements where a class is another one")
    parts: list[dict[str, str]] = []
    return Styled("".join(_piece(same, tags, parts) for same in zip(*pages, strict=True)), parts)


def _marked(source: str, tags: Iterable[re.Match[str]], name: str) -> str:
    """The layout as HTML alone, every class that depends on a tone being that of this one."""
    html, end = "", 0
    for number, tag in enumerate(tags):
        html += source[end : tag.start()]
        end = tag.end()
        if tag["value"] is None:
            html += f"<!--jinja{number}z-->"
        else:
            html += f"{name} jinja{number}z" if _CLASS.search(html[html.rfind("<") :]) else f"jinja{number}z"
    return html + source[end:]


def _piece(same: tuple[str, ...], tags: Sequence[re.Match[str]], parts: list[dict[str, str]]) -> str:
    """A start tag, or what stands between two, with its Jinja tags; `same` is it in every tone."""
    if not same[0].startswith("<") or same[0].startswith(("<!", "</")):
        return _MARK.sub(lambda mark: tags[int(mark[1])][0], same[0])
    values = [f"{{{{ ({tag['value']})|attribute }}}}" for tag in tags]
    depends = re.search(rf"{TONES[0]} jinja(\d+)z", same[0])
    if depends is None:
        return _MARK.sub(lambda mark: values[int(mark[1])], same[0])
    clean = [re.sub(rf"(?<={name}) jinja\d+z", "", tag) for name, tag in zip(TONES, same, strict=True)]
    made = ""
    for number, column in enumerate(zip(*map(_MARK.split, clean), strict=True)):
        if number % 2:
            made += values[int(column[0])]
        else:
            made += f"{{{{ styled({len(parts)}, {tags[int(depends[1])]['value']}) }}}}"
            parts.append(dict(zip(TONES, column, strict=True)))
    return made
