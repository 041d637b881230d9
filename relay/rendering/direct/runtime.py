"""What the written functions call: escaping, joining and translating, one set for each way that texts escape.

Each does what Jinja's own does in `relay.rendering.sandbox` and `autoescape`, for the values that relay's own templates
hand it; for others it raises, and the message is left to Jinja.
"""

import html
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, Final

from babel.lists import format_list
from jinja2.filters import FILTERS as JINJA_FILTERS
from jinja2.filters import do_int
from markupsafe import Markup, escape

from relay.domain.links import LinkHosts
from relay.rendering.absent import Absent
from relay.rendering.filters import FILTERS, MRKDWN_FILTERS, helpers
from relay.rendering.sandbox import Escaping
from relay.rendering.texts import inert

ABSENT: Final = Absent(name="a field that is absent")
MISSING: Final = object()  # an argument that was not given

# Without Markup's own `__new__`, which looks for `__html__` first.
marked: Callable[[str], Markup] = partial(str.__new__, Markup)

_ACTIVE = re.compile("[&<>'\"*_~`:]")  # what is escaped or made inert; most texts hold none of it


def _serialized_text(text: str) -> str:
    """`translate` takes ten times as long: most texts hold none of these."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\u00a0", "&nbsp;")


def _serialized_value(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("\u00a0", "&nbsp;")


def escape_text(value: Any) -> str:
    """Plain text: nothing is active in it."""
    return value if type(value) is str else "" if value is None else str(value)


def escape_mrkdwn(value: Any) -> str:
    if isinstance(value, str):
        if type(value) is Markup or not _ACTIVE.search(value):
            return value
        return escape(inert(value))
    if value is None:
        return ""
    return escape(inert(str(value)) if isinstance(value, (list, tuple, dict)) else value)


def escape_html(value: Any) -> str:
    """As the inliner writes text that it has read: relay.rendering.direct.layouts."""
    kind = type(value)
    if kind is str:
        return _serialized_text(value)
    if kind is Markup:
        return value  # type: ignore[no-any-return]
    return "" if value is None else _serialized_text(str(value))


def attribute(value: Any) -> str:
    """The same inside of an attribute, where other characters are escaped."""
    if isinstance(value, Markup):
        raise TypeError("text is escaped in another way inside of an attribute")
    return marked("" if value is None else _serialized_value(str(value)))


@lru_cache(1024)
def serialized(text: str) -> str:
    """A template's own words in HTML, as the inliner writes what it has read."""
    return _serialized_text(html.unescape(text))


ESCAPES: Mapping[Escaping, Callable[[Any], str]] = {
    "text": escape_text, "mrkdwn": escape_mrkdwn, "html": escape_html,
}  # fmt: skip


def namespace(escaping: Escaping, hosts: LinkHosts) -> dict[str, Any]:
    """The names that written functions find beside their own."""
    e = ESCAPES[escaping]
    markup: Callable[[str], str] = str if escaping == "text" else marked
    own = MRKDWN_FILTERS if escaping == "mrkdwn" else {}

    def join(values: Iterable[Any], separator: str = "") -> str:
        items = ["" if value is None else value for value in values]
        if any(type(item) is Markup for item in items):
            return markup(e(separator).join(map(e, items)))
        return separator.join(map(str, items))

    def list_and(v: Mapping[str, Any], values: Iterable[Any]) -> str:
        items = [e(value) for value in values if value]
        return markup(format_list(items, locale=v["formats"].language.locale))

    def translated(v: Mapping[str, Any], method: str, *texts: Any) -> str:
        text: str = getattr(v["formats"].language.translations, method)(*texts)
        return serialized(text) if escaping == "html" else text

    return {
        "e": e, "markup": markup, "translated": translated, "plus": plus, "ends": ends,
        "ABSENT": ABSENT, "MISSING": MISSING,
        **{f"f_{name}": function for name, function in (FILTERS | own).items()},
        "f_join": join, "f_list_and": list_and, "f_select": select, "f_first": first, "f_default": default,
        "f_attribute": attribute, "f_length": len, "f_list": list, "f_abs": abs, "f_max": max, "f_min": min,
        "f_int": do_int, "f_trim": JINJA_FILTERS["trim"],
        **{f"g_{name}": function for name, function in helpers(escaping, hosts).items()}, "g_range": range,
    }  # fmt: skip


def select(values: Iterable[Any]) -> list[Any]:
    return [value for value in values if value]


def first(values: Iterable[Any]) -> Any:
    return next(iter(values), ABSENT)


def default(value: Any, instead: Any) -> Any:
    return instead if value is ABSENT else value


def plus(left: Any, right: Any) -> Any:
    if isinstance(left, str) or isinstance(right, str):
        raise TypeError("which of two texts must be escaped is decided by Jinja")
    return left + right


def ends(items: Sequence[Any]) -> Iterator[tuple[bool, Any]]:
    """Each item, and whether it is the last one."""
    last = len(items) - 1
    return ((number == last, item) for number, item in enumerate(items))
