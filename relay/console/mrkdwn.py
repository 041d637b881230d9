"""Slack's mrkdwn as HTML, for messages that a page shows: links, dates, emphasis and code, and all else as text."""

import re
from collections.abc import Callable

from markupsafe import Markup, escape

KEPT = ("\ue000", "\ue001")  # around the number of a piece that is finished
NO_TEXT = str.maketrans("", "", "".join(KEPT))
ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))
BLOCK, CODE, TOKEN = (
    re.compile(r"```\n?(.*?)\n?```", re.DOTALL),
    re.compile(r"`([^`\n]+)`"),
    re.compile(r"<([^<>\n]+)>"),
)
EMPHASES = tuple(
    (re.compile(rf"(?<![\w{sign}]){sign}(?!\s)([^{sign}\n]+?)(?<!\s){sign}(?![\w{sign}])"), rf"<{name}>\1</{name}>")
    for sign, name in ((r"\*", "b"), ("_", "i"), ("~", "s"))
)


def mrkdwn(text: str) -> Markup:
    """What its reader sees. Whoever wrote it, it is no more than text: a link leads nowhere, and shows its address."""
    pieces = list[Markup]()

    def keep(make: Callable[[str], Markup]) -> Callable[[re.Match[str]], str]:
        def kept(match: re.Match[str]) -> str:
            pieces.append(make(match[1]))
            return f"{KEPT[0]}{len(pieces) - 1}{KEPT[1]}"

        return kept

    text = text.translate(NO_TEXT)
    text = BLOCK.sub(keep(lambda inside: Markup("<pre>{}</pre>").format(_plain(inside))), text)
    text = CODE.sub(keep(lambda inside: Markup("<code>{}</code>").format(_plain(inside))), text)
    text = TOKEN.sub(keep(_token), text)
    html = str(escape(_plain(text)))
    for pattern, shown in EMPHASES:
        html = pattern.sub(shown, html)
    html = html.replace("\n", "<br>")
    for number in reversed(range(len(pieces))):  # what stands in another one came before it
        html = html.replace(f"{KEPT[0]}{number}{KEPT[1]}", str(pieces[number]))
    return Markup(html)  # noqa: S704 - each part of it was escaped above


def _token(inside: str) -> Markup:
    """A link, a date by what stands for it where it cannot be shown, or a mention."""
    target, _, label = inside.partition("|")
    if target.startswith("!date^"):
        return escape(_plain(label))
    if target.startswith(("https://", "http://")):
        link = Markup('<span class="link" title="{}">{}</span>')
        return link.format(_plain(target), _plain(label or target))
    sign = "" if target.startswith(("@", "#")) else "@" if target.startswith("!") else ""
    return escape(_plain(label or sign + target.lstrip("!")))


def _plain(text: str) -> str:
    for entity, letter in ENTITIES:
        text = text.replace(entity, letter)
    return text
